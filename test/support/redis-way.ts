import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'

/** A way to Redis that can be cut, and mended, and on which what comes from Redis can be held up. */
export async function openWay (t: Test, redisPort: number) {
  const pairs = new Map<Socket, Socket>()
  const server = createServer((client) => {
    const redis = connect(redisPort, '127.0.0.1')
    pairs.set(client, redis)
    for (const socket of [client, redis]) {
      socket.on('error', () => {})
      socket.on('close', () => {
        pairs.delete(client)
        for (const end of [client, redis]) end.destroy()
      })
    }
    client.pipe(redis).pipe(client)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  t.teardown(() => { server.close() })
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    cut () {
      server.close()
      for (const client of pairs.keys()) client.destroy()
    },
    mend: async () => { await once(server.listen(port, '127.0.0.1'), 'listening') },
    hold () { for (const [client, redis] of pairs) redis.unpipe(client).pause() }
  }
}
