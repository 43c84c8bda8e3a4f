// A service in a process of its own (node --expose-gc) that tells its parent how it stands when it is asked.
import { createApp } from '../../src/app.js'
import { readConfig } from '../../src/config.js'

/** What the parent gets: the address at first, later the counts and the heap after forced garbage collections. */
export type Report =
  | { port: number }
  | { connections: number, users: string[], sockets: number, heapBytes: number }

const report = (message: Report) => { process.send?.(message) }

const app = createApp(readConfig(process.env), { level: 'info' })
await app.listen({ host: '127.0.0.1', port: 0 })
const address = app.server.address()
if (typeof address === 'object' && address !== null) report({ port: address.port })

process.on('message', () => {
  app.server.getConnections((_error, sockets) => {
    settledHeap().then((heapBytes) => {
      const { connections } = app
      report({ connections: connections.getTotalConnectionsCount(), users: connections.getConnectedUsers(), sockets, heapBytes })
    }).catch((error: unknown) => { throw error })
  })
})

/** Bytes in use when another collection frees nothing: one of them only sets free what finalizers and timers held. */
async function settledHeap (): Promise<number> {
  let used = Infinity
  for (;;) {
    gc?.()
    const { heapUsed } = process.memoryUsage()
    if (heapUsed >= used) return used
    used = heapUsed
    await new Promise(setImmediate)
  }
}

process.on('disconnect', () => { process.exit() })
