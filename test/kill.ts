// `npm run test:kill`: kills the server 30 times, or as often as it is told, and counts what became of every notification.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { killAgainAndAgain } from './support/kill.js'
import { prepareBuild } from './support/process.js'

prepareBuild()
const folder = mkdtempSync(join(tmpdir(), 'herald-kill-'))
const kills = Number(process.argv[2] ?? 30)
try {
  const { problems, ...counts } = await killAgainAndAgain({ kills, folder, onKill: (kill) => { process.stderr.write(`\rkilled ${kill} of ${kills} times`) } })
  console.log(`\n${JSON.stringify(counts)}`)
  for (const problem of problems) console.log(problem)
  console.log(problems.length === 0 ? 'nothing was lost, doubled or out of order' : `${problems.length} problems`)
  process.exitCode = Math.min(problems.length, 1)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exit()
