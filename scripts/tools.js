import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const python = '/usr/bin/python3'
const imports = (modules) => spawnSync(python, ['-c', `import ${modules}`], { stdio: 'ignore' }).status === 0
const hasOpenssl = () => existsSync('/usr/bin/openssl')

/** Programs that the tests and the benchmark drive: whether one is there, and Debian's packages of it. */
const tools = {
  redis: { isThere: () => existsSync('/usr/bin/redis-server'), packages: ['redis-server'] },
  nginx: { isThere: () => existsSync('/usr/sbin/nginx') && hasOpenssl(), packages: ['nginx-light', 'openssl'] },
  haproxy: { isThere: () => existsSync('/usr/sbin/haproxy') && hasOpenssl(), packages: ['haproxy', 'openssl'] },
  caddy: { isThere: () => existsSync('/usr/bin/caddy') && hasOpenssl(), packages: ['caddy', 'openssl'] },
  promtool: { isThere: () => existsSync('/usr/bin/promtool'), packages: ['prometheus'] },
  chromium: { isThere: () => existsSync('/usr/bin/chromium'), packages: ['chromium'] },
  websockets: { isThere: () => imports('websockets'), packages: ['python3', 'python3-websockets'] },
  curl: { isThere: () => existsSync('/usr/bin/curl'), packages: ['curl'] },
  script: { isThere: () => existsSync('/usr/bin/script'), packages: ['bsdutils'] },
  prlimit: { isThere: () => existsSync('/usr/bin/prlimit'), packages: ['util-linux'] },
  fastapi: {
    isThere: () => imports('fastapi, httptools, uvicorn, uvloop, websockets'),
    packages: ['python3-fastapi', 'python3-uvicorn', 'python3-uvloop', 'python3-websockets', 'python3-httptools']
  }
}

export const testTools = Object.keys(tools).filter((name) => name !== 'fastapi')

export const hasTool = (name) => tools[name].isThere()

export const howToInstall = (names) => `apt-get install ${[...new Set(names.flatMap((name) => tools[name].packages))].join(' ')}`

/** Installs those of these that are missing, where it may. Where that is not so, or fails, it says how; whoever needs one looks for himself. */
export function installTools (names) {
  const missing = names.filter((name) => !hasTool(name))
  if (missing.length === 0) return

  const packages = missing.flatMap((name) => tools[name].packages)
  const may = process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')
  if (may && apt('update') && apt('install', '-y', '--no-install-recommends', ...packages)) return
  console.error(`Some programs are not here. Install them with: ${howToInstall(missing)}`)
}

/** With its output on stderr, where it does not mix with results; says whether it succeeded. */
function apt (command, ...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  return spawnSync('apt-get', [command, '-qq', ...args], { env, stdio: ['ignore', process.stderr.fd, 'inherit'] }).status === 0
}
