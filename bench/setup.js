import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'

const bench = import.meta.dirname

const changedAt = (path) => statSync(join(bench, path), { throwIfNoEntry: false })?.mtimeMs ?? 0

/** Installs the packages of the benchmark's lock file when they are missing or older than it; the output is on stderr, where it does not mix with the results. */
export function installPackages () {
  if (changedAt('node_modules/.package-lock.json') >= changedAt('package-lock.json') && changedAt('node_modules') > 0) return
  const { status } = spawnSync('npm', ['ci'], { cwd: bench, stdio: ['ignore', process.stderr.fd, 'inherit'] })
  if (status !== 0) process.exit(1)
}
