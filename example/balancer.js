// A TCP load balancer, as small as it can be: each connection goes to the next node that takes it. No sticky sessions are needed.
import { connect, createServer } from 'node:net'

/** `ports()` are those of the nodes, asked for with each connection; resolves with the server when it listens. */
export async function startBalancer (port, ports) {
  let next = 0

  function forward (client, triesLeft) {
    const targets = ports()
    const target = targets[next++ % targets.length]
    const node = connect({ port: target, host: '127.0.0.1' })
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
  await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return server
}
