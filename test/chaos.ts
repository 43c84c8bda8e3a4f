// `npm run test:chaos`: 40 faults, or as many as it is told, for three nodes and a Redis, and what became of every notification.
import { chaos } from './support/chaos.js'
import { prepareBuild } from './support/process.js'
import { report } from './support/report.js'

const faults = Number(process.argv[2] ?? 40)

prepareBuild()
await report('chaos', async (folder, progress) => await chaos({ faults, folder, onFault: (fault, name) => { progress(`${fault} of ${faults}: ${name}`) } }))
