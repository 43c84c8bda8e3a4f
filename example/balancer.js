// A TCP load balancer, as small as it can be: each connection goes to the next node that is ready and takes it. No sticky sessions are needed.
import { connect, createServer } from 'node:net'

const LOOK_MS = 100
const LOOK_TIMEOUT_MS = 1000

/** `ports()` are those of the nodes, asked for with each connection; resolves with the server when it listens. */
export async function startBalancer (port, ports) {
  let next = 0
  const red = new Set()

  async function look (port) {
    const response = await fetch(`http://127.0.0.1:${port}/health/ready`, { signal: AbortSignal.timeout(LOOK_TIMEOUT_MS) }).catch(() => undefined)
    await response?.arrayBuffer().catch(() => {})
    if (response?.ok) red.delete(port)
    else red.add(port)
  }

  /** Those that are ready; if none is, any of them can say why. */
  function targets () {
    const ready = ports().filter((port) => !red.has(port))
    return ready.length > 0 ? ready : ports()
  }

  function forward (client, triesLeft) {
    const nodes = targets()
    const node = connect({ port: nodes[next++ % nodes.length], host: '127.0.0.1' })
    node.once('connect', () => {
      node.removeAllListeners('error')
      client.pipe(node).pipe(client)
      for (const [one, other] of [[client, node], [node, client]]) {
        one.on('error', () => { other.destroy() })
        one.on('close', () => { other.destroy() })
      }
    })
    node.once('error', () => {
      if (triesLeft > 0) forward(client, triesLeft - 1)
      else client.destroy()
    })
  }

  const server = createServer((client) => {
    client.on('error', () => {})
    if (ports().length === 0) client.destroy()
    else forward(client, ports().length - 1)
  })
  const looking = setInterval(() => { for (const port of ports()) look(port) }, LOOK_MS)
  server.once('close', () => { clearInterval(looking) })
  await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return server
}
