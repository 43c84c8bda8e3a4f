// Makes a clone ready to run: installs what it lacks, builds what has changed. Needs nothing but Node itself.
import { spawnSync } from 'node:child_process'
import { existsSync, linkSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const root = join(import.meta.dirname, '..')
const lockFile = join(root, '.prepare.lock')
const buildInfo = 'dist/.tsbuildinfo'
const server = 'dist/src/server.js'

/** Installs the packages of the lock file and builds `dist`, each only when it is missing or older than what it is made from. */
export async function prepare () {
  checkNode()
  if (isInstalled() && isBuilt()) return

  await withLock(() => {
    if (!isInstalled()) run('npm', ['ci', '--include=dev'])
    if (isBuilt()) return
    if (!existsSync(join(root, server))) rmSync(join(root, buildInfo), { force: true })
    run('npm', ['run', '--silent', 'build'])
    utimesSync(join(root, buildInfo), new Date(), new Date()) // A build that had nothing to write leaves it as it was.
  })
}

/** Runs a program in the clone, with its output on stderr; ends this one when it fails. */
export function run (program, args) {
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: ['ignore', process.stderr.fd, 'inherit'] })
  if (error) throw error
  if (status !== 0) process.exit(status ?? 1)
}

function checkNode () {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  console.error(`Node.js 20.19 or newer is needed; this is ${process.versions.node}`)
  process.exit(1)
}

const isInstalled = () => newest('node_modules/.package-lock.json') >= newest('package-lock.json')

const isBuilt = () => existsSync(join(root, server)) && newest(buildInfo) >= Math.max(...['src', 'plugins', 'routes', 'package.json', 'tsconfig.json', 'tsconfig.build.json'].map(newest))

/** When a file, or the newest file of a folder, was last changed; 0 if there is none. */
function newest (path) {
  const stats = statSync(join(root, path), { throwIfNoEntry: false })
  if (stats === undefined) return 0
  if (!stats.isDirectory()) return stats.mtimeMs
  return Math.max(stats.mtimeMs, ...readdirSync(join(root, path)).map((name) => newest(join(path, name))))
}

/** Two commands in one clone do not install at the same time: the second waits for the first. */
async function withLock (work) {
  const release = () => { rmSync(lockFile, { force: true }) }
  for (let waits = 0; !takeLock(); waits++) {
    if (waits === 0) console.error(`waiting for another command that prepares this clone (${lockFile})`)
    await sleep(200)
  }
  process.once('exit', release)
  work()
  process.off('exit', release)
  release()
}

/** The lock holds the id of its process from the first moment on; that of a process which is gone does not count. */
function takeLock () {
  const mine = `${lockFile}.${process.pid}`
  writeFileSync(mine, String(process.pid))
  try {
    linkSync(mine, lockFile)
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    const owner = readLock()
    if (owner !== undefined && !isAlive(Number(owner))) rmSync(lockFile, { force: true })
    return false
  } finally {
    rmSync(mine, { force: true })
  }
}

const readLock = () => existsSync(lockFile) ? readFileSync(lockFile, 'utf8') : undefined

function isAlive (pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
