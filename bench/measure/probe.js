// Loaded into a server (`--import`): tells over IPC what only the process itself knows.
//   reset     begins to measure how late its event loop turns
//   read      tells how late it was: { p99, max }, in ms
//   live      collects the garbage and tells how much is in use: { bytes }
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const NS_PER_MS = 1e6
const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc')

const commands = {
  reset: () => { delay.reset() },
  read: () => ({ p99: delay.percentile(99) / NS_PER_MS, max: delay.max / NS_PER_MS }),
  live () {
    collectGarbage()
    const { heapUsed, external } = process.memoryUsage()
    return { bytes: heapUsed + external }
  }
}

process.on('message', (command) => { process.send(commands[command]() ?? {}) })
process.channel.unref()
