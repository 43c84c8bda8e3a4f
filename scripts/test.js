// Runs the tests (all, or the files that are named) and ends with a count; installs what they need first.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { prepare, run } from './prepare.js'

const root = join(import.meta.dirname, '..')
const results = join(root, '.tap/results.tap')

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

function installTools () {
  const missing = Object.keys(tools).filter((name) => !tools[name]())
  if (missing.length === 0) return

  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    process.env.DEBIAN_FRONTEND = 'noninteractive'
    run('apt-get', ['update', '-qq'])
    run('apt-get', ['install', '-qq', '-y', '--no-install-recommends', ...missing])
  } else {
    console.error(`Some tests need programs that are not here. Install them with: apt-get install ${missing.join(' ')}`)
  }
}

/** Passed and failed assertions, from the last line of the results, and what the results say of each that failed. */
function readResults () {
  const text = existsSync(results) ? readFileSync(results, 'utf8') : ''
  const totals = /# \{([^}]*)\}\s*(?:# .*\s*)*$/.exec(text)?.[1] ?? ''
  const count = (name) => Number(new RegExp(`${name}: (\\d+)`).exec(totals)?.[1] ?? 0)
  const failures = [...text.matchAll(/^( *)not ok .*\n(?:\1 {2}---\n[^]*?\n\1 {2}\.\.\.)?/gm)].map(([failure]) => failure)
  return { passed: count('pass'), failed: count('fail'), skipped: count('skip') + count('todo'), failures }
}

await prepare()
installTools()
const { status } = spawnSync(process.execPath, [
  join(root, 'node_modules/tap/dist/esm/run.mjs'), `--reporter=${process.stdout.isTTY ? 'terse' : 'silent'}`, `--output-file=${results}`, ...process.argv.slice(2)
], { cwd: root, stdio: 'inherit' })

const { passed, failed, skipped, failures } = readResults()
const broken = status !== 0 && failed === 0
// No reporter for a log says which file took too long.
if (!process.stdout.isTTY) for (const failure of failures) console.log(`\n${failure}`)
// The reporter leaves the cursor where it was: the count has a line of its own.
console.log(`\n${passed} passed, ${broken ? 1 : failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
process.exitCode = status ?? 1
