// Loaded into a server (`--import`): measures how late its event loop turns, and tells over IPC.
import { monitorEventLoopDelay } from 'node:perf_hooks'

const NS_PER_MS = 1e6
const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()

process.on('message', (command) => {
  if (command === 'reset') delay.reset()
  process.send({ p99: delay.percentile(99) / NS_PER_MS, max: delay.max / NS_PER_MS })
})
process.channel.unref()
