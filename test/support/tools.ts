import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Test } from 'tap'

interface Tool {
  isThere: () => boolean
  packages: string
}

const hasOpenssl = () => spawnSync('openssl', ['version']).status === 0

const tools = {
  chromium: { isThere: () => existsSync('/usr/bin/chromium'), packages: 'chromium' },
  websockets: {
    isThere: () => spawnSync('/usr/bin/python3', ['-c', 'import websockets']).status === 0,
    packages: 'python3 python3-websockets'
  },
  redis: { isThere: () => existsSync('/usr/bin/redis-server'), packages: 'redis-server' },
  promtool: { isThere: () => existsSync('/usr/bin/promtool'), packages: 'prometheus' },
  curl: { isThere: () => spawnSync('curl', ['--version']).status === 0, packages: 'curl' },
  script: { isThere: () => existsSync('/usr/bin/script'), packages: 'bsdutils' },
  nginx: { isThere: () => existsSync('/usr/sbin/nginx') && hasOpenssl(), packages: 'nginx-light openssl' },
  haproxy: { isThere: () => existsSync('/usr/sbin/haproxy') && hasOpenssl(), packages: 'haproxy openssl' },
  caddy: { isThere: () => existsSync('/usr/bin/caddy') && hasOpenssl(), packages: 'caddy openssl' },
  prlimit: { isThere: () => existsSync('/usr/bin/prlimit'), packages: 'util-linux' }
} satisfies Record<string, Tool>

/**
 * Whether a test that needs a tool of the system may go on.
 * Where the tool is missing the test is skipped, saying what to install; in CI (`CI=true`) it fails.
 */
export function hasTool (t: Test, name: keyof typeof tools): boolean {
  const { isThere, packages } = tools[name]
  if (isThere()) return true

  const reason = `${name} is missing: apt-get install ${packages}`
  if (process.env['CI'] === 'true') t.fail(reason)
  else t.pass(name, { skip: reason })
  return false
}
