// `npm run test:rolling`: restarts two nodes under 5,000 clients, or as many as it is told, and counts what became of every notification.
import { prepareBuild } from './support/process.js'
import { report } from './support/report.js'
import { rollingRestart } from './support/rolling.js'

const clients = Number(process.argv[2] ?? 5000)
const drainSeconds = Number(process.argv[3] ?? 10)

prepareBuild()
await report('rolling', async (_folder, progress) => await rollingRestart({ clients, drainSeconds, onStep: progress }))
