// `npm run test:kill`: kills the server 30 times, or as often as it is told, and counts what became of every notification.
import { killAgainAndAgain } from './support/kill.js'
import { prepareBuild } from './support/process.js'
import { report } from './support/report.js'

const kills = Number(process.argv[2] ?? 30)

prepareBuild()
await report('kill', async (folder, progress) => await killAgainAndAgain({ kills, folder, onKill: (kill) => { progress(`killed ${kill} of ${kills} times`) } }))
