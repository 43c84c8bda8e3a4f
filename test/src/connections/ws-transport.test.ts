import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import type { WebSocket } from 'ws'
import { handleOf } from '../../../src/connections/tcp-handle.js'
import { WsTransport } from '../../../src/connections/ws-transport.js'

async function pair (t: Test): Promise<[Socket, Socket]> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [socket] = await once(server, 'connection') as [Socket]
  t.teardown(() => {
    client.destroy()
    socket.destroy()
    server.close()
  })
  return [socket, client]
}

/** Data frames do not go through the WebSocket. */
const transportOf = (socket: Socket) => new WsTransport({} as WebSocket, socket)

/** How often the stream of a socket was written to. */
function countStreamWrites (socket: Socket): () => number {
  let writes = 0
  const write = socket.write.bind(socket)
  socket.write = (...args: [never]) => {
    writes++
    return write(...args)
  }
  return () => writes
}

async function read (client: Socket, length: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of client.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes >= length) break
  }
  return Buffer.concat(chunks)
}

t.test('from the second write on, the stream is passed by: this fails when Node changes what it relies on', async (t) => {
  const [socket, client] = await pair(t)
  const writer = transportOf(socket)
  const streamWrites = countStreamWrites(socket)

  for (const text of ['one ', 'two ', 'three ']) t.ok(writer.write(Buffer.from(text)))

  t.equal((await read(client, 14)).toString(), 'one two three ')
  t.ok(streamWrites() <= 1)
})

t.test('what it writes and what the stream writes stay whole', async (t) => {
  const [socket, client] = await pair(t)
  const writer = transportOf(socket)

  for (let i = 0; i < 100; i++) {
    if (i % 3 === 0) socket.write(`${i},`)
    else writer.write(Buffer.from(`${i},`))
  }

  const expected = Array.from({ length: 100 }, (_, i) => `${i},`).join('')
  t.equal((await read(client, expected.length)).toString(), expected)
})

t.test('a reader that stalls is seen, and the rest follows when it reads', async (t) => {
  const [socket, client] = await pair(t)
  client.pause()
  const big = Buffer.alloc(16_000_000, 'x')
  const writer = transportOf(socket)
  const drained = new Promise<void>((resolve) => { writer.onDrain = resolve })
  writer.write(Buffer.from('a'))

  t.notOk(writer.write(big))
  t.ok(writer.bufferedBytes > 0)
  writer.write(Buffer.from('z'))
  const received = await read(client, big.length + 2)
  await drained

  t.equal(received.length, big.length + 2)
  t.equal(received.at(-1), 'z'.charCodeAt(0))
  t.equal(writer.bufferedBytes, 0)
})

t.test('a write that the kernel takes at the second attempt is under way until Node says so: another one with its request would end the process', async (t) => {
  const [[first, firstClient], [second, secondClient]] = [await pair(t), await pair(t)]
  const big = Buffer.alloc(16_000_000, 'x')
  const handle = handleOf(first)
  if (handle === undefined) throw new Error('a socket of this Node has no handle')
  Object.defineProperty(handle, 'writeQueueSize', { value: 0 }) // As if its reader had made room between the two.
  const writers = [transportOf(first), transportOf(second)]
  const drained = Promise.all(writers.map(async (writer) => { await new Promise<void>((resolve) => { writer.onDrain = resolve }) }))
  for (const writer of writers) writer.write(Buffer.from('a'))

  for (const writer of writers) t.notOk(writer.write(big))

  for (const client of [firstClient, secondClient]) t.equal((await read(client, big.length + 1)).length, big.length + 1)
  await drained
  for (const writer of writers) t.ok(writer.write(Buffer.from('z')))
})

t.test('a socket that is gone takes the bytes to nowhere', async (t) => {
  const [socket, client] = await pair(t)
  const writer = transportOf(socket)
  writer.write(Buffer.from('a'))
  socket.on('error', () => {})
  const closed = new Promise((resolve) => { socket.once('close', resolve) })
  client.resetAndDestroy()
  await closed

  writer.write(Buffer.from('b'))
  t.equal(writer.bufferedBytes, 0)
})
