// `npm run test:chaos`: 40 faults, or as many as it is told, for three nodes and a Redis, and what became of every notification.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chaos } from './support/chaos.js'
import { prepareBuild } from './support/process.js'

prepareBuild()
const folder = mkdtempSync(join(tmpdir(), 'herald-chaos-'))
const faults = Number(process.argv[2] ?? 40)
try {
  const { problems, ...counts } = await chaos({ faults, folder, onFault: (fault, name) => { process.stderr.write(`\r${fault} of ${faults}: ${name}          `) } })
  console.log(`\n${JSON.stringify(counts)}`)
  for (const problem of problems) console.log(problem)
  console.log(problems.length === 0 ? 'nothing was lost, doubled or out of order' : `${problems.length} problems`)
  process.exitCode = Math.min(problems.length, 1)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exit()
