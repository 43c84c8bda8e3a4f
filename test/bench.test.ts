import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import t from 'tap'
import { root, run } from './support/process.js'

t.test('the benchmark says what it cannot do before anything is installed', async (t) => {
  const clone = mkdtempSync(join(tmpdir(), 'herald-clone-'))
  t.teardown(() => { rmSync(clone, { recursive: true, force: true }) })
  const isOfClone = (path: string) => !['node_modules', 'results'].includes(basename(path))
  for (const name of ['bench', 'scripts', 'package.json']) cpSync(join(root, name), join(clone, name), { recursive: true, filter: isOfClone })

  const { code, stderr } = await run(t, process.execPath, ['bench/run.js', '--only', 'everything'], {}, clone)

  t.equal(code, 2, stderr)
  t.match(stderr, /^there is no figure "everything": broadcast,/)
})
