import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { run } from './prepare.js'

/** Programs of Debian that the tests drive, and how to see that they are there. */
const tools = {
  'redis-server': () => existsSync('/usr/bin/redis-server'),
  'nginx-light': () => existsSync('/usr/sbin/nginx'),
  haproxy: () => existsSync('/usr/sbin/haproxy'),
  caddy: () => existsSync('/usr/bin/caddy'),
  openssl: () => existsSync('/usr/bin/openssl'),
  prometheus: () => existsSync('/usr/bin/promtool'),
  chromium: () => existsSync('/usr/bin/chromium'),
  'python3-websockets': () => spawnSync('/usr/bin/python3', ['-c', 'import websockets']).status === 0
}

/** Installs those of these that are missing, where it may; else it says how. */
export function installTools (names = Object.keys(tools)) {
  const missing = names.filter((name) => !tools[name]())
  if (missing.length === 0) return

  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    process.env.DEBIAN_FRONTEND = 'noninteractive'
    run('apt-get', ['update', '-qq'])
    run('apt-get', ['install', '-qq', '-y', '--no-install-recommends', ...missing])
  } else {
    console.error(`Some tests need programs that are not here. Install them with: apt-get install ${missing.join(' ')}`)
  }
}
