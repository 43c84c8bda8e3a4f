// `npm run soak`: mixed load for 15 minutes, or as many as it is told, and what it has left behind: memory, descriptors, counts, and lines in the log.
import { prepareBuild } from './support/process.js'
import { report } from './support/report.js'
import { soak } from './support/soak.js'

const minutes = Number(process.argv[2] ?? 15)

prepareBuild()
await report('soak', async (folder, progress) => await soak({ ms: minutes * 60_000, folder, onSample: progress }))
