import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'

/** A way to a port that can be cut, and mended, and on which what comes from there can be held up: everywhere, or where a text is sent next. */
export async function openWay (t: Test, to: number) {
  const pairs = new Map<Socket, Socket>()
  let awaited: string | undefined
  const listener = createServer((client) => {
    const server = connect(to, '127.0.0.1')
    pairs.set(client, server)
    for (const socket of [client, server]) {
      socket.on('error', () => {})
      socket.on('close', () => {
        pairs.delete(client)
        for (const end of [client, server]) end.destroy()
      })
    }
    client.pipe(server).pipe(client)
    client.on('data', (data) => {
      if (awaited === undefined || !data.includes(awaited)) return
      awaited = undefined
      server.unpipe(client).pause()
    })
  })
  await once(listener.listen(0, '127.0.0.1'), 'listening')
  const { port } = listener.address() as AddressInfo
  t.teardown(() => { listener.close() })
  return {
    port,
    cut () {
      listener.close()
      for (const client of pairs.keys()) client.destroy()
    },
    mend: async () => { await once(listener.listen(port, '127.0.0.1'), 'listening') },
    holdAt (text: string) { awaited = text },
    hold () { for (const [client, server] of pairs) server.unpipe(client).pause() }
  }
}
