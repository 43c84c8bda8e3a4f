// Makes the benchmark ready to run: its packages, and FastAPI and Redis where Debian has them.
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { hasRedis } from './measure/redis-process.js'

const bench = import.meta.dirname
const debianPackages = ['python3-fastapi', 'python3-uvicorn', 'python3-uvloop', 'python3-websockets', 'python3-httptools']

/** Runs a program with its output on stderr, where it does not mix with the results; says whether it succeeded. */
function succeeds (program, args, stdio = ['ignore', process.stderr.fd, 'inherit']) {
  return spawnSync(program, args, { cwd: bench, stdio }).status === 0
}

const changedAt = (path) => statSync(join(bench, path), { throwIfNoEntry: false })?.mtimeMs ?? 0

/** Installs the packages of the lock file when they are missing or older than it. */
export function installPackages () {
  if (changedAt('node_modules/.package-lock.json') >= changedAt('package-lock.json') && changedAt('node_modules') > 0) return
  if (!succeeds('npm', ['ci'])) process.exit(1)
}

/** Whether FastAPI can be measured; installs it where that may be done. */
export function hasFastApi () {
  const isThere = () => succeeds('/usr/bin/python3', ['-c', 'import fastapi, httptools, uvicorn, uvloop, websockets'], 'ignore')
  return isThere() || (installFromDebian(debianPackages) && isThere())
}

/** Installs Redis where it is missing and that may be done; the figures that need it are left out without it. */
export function installRedis () {
  if (!hasRedis()) installFromDebian(['redis-server'])
}

function installFromDebian (packages) {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return false

  process.env.DEBIAN_FRONTEND = 'noninteractive'
  return succeeds('apt-get', ['update', '-qq']) && succeeds('apt-get', ['install', '-qq', '-y', '--no-install-recommends', ...packages])
}

export const howToGetFastApi = `apt-get install ${debianPackages.join(' ')}`
