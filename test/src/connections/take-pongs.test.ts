import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import fc from 'fast-check'
import t from 'tap'
import { takePongs } from '../../../src/connections/take-pongs.js'
import { clientFrame, opcodes } from '../../support/client-frames.js'

const pong = clientFrame(opcodes.pong)

/** A masked frame with this payload, which is not masked: nobody reads it. */
const frame = (opcode: number, payload: Buffer): Buffer => Buffer.concat([clientFrame(opcode, '', { length: payload.length }), payload])

/** The frames of at most 65,535 bytes in these. */
function framesOf (bytes: Buffer): Buffer[] {
  const frames: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt8(at + 1) & 0x7f
    frames.push(bytes.subarray(at, at += length < 126 ? 6 + length : 8 + bytes.readUInt16BE(at + 2)))
  }
  return frames
}

const isOther = (frame: Buffer): boolean => frame[0] !== pong[0]

/** What went on of these chunks, and how many pongs were taken. */
function take (chunks: Buffer[], before?: Buffer): { rest: Buffer, taken: number } {
  const stream = new Duplex({ read () {} })
  if (before !== undefined) stream.push(before)
  let taken = 0
  takePongs(stream, () => { taken++ })
  for (const chunk of chunks) stream.push(chunk)
  return { rest: stream.read() as Buffer | null ?? Buffer.alloc(0), taken }
}

t.test('a pong that is read by itself is taken from a socket: this fails when Node reads in another way', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', noDelay: true })
  const [socket] = await once(server, 'connection') as [Socket]
  t.teardown(() => {
    client.destroy()
    socket.destroy()
    server.close()
  })
  const seen: Buffer[] = []
  const taken = new Promise<void>((resolve) => { takePongs(socket, resolve) })
  socket.on('data', (chunk: Buffer) => { seen.push(chunk) })

  client.write(pong)
  await taken
  client.end('the end')
  await once(socket, 'end')

  t.equal(Buffer.concat(seen).toString(), 'the end')
})

for (const length of [6, 125, 126, 65_535, 65_536, 200_000]) {
  t.test(`a pong behind a message of ${length} bytes is taken; what looks like one in it is not`, async (t) => {
    const message = frame(1, Buffer.concat([Buffer.alloc(length - pong.length), pong]))

    t.strictSame(take([message, pong]), { rest: message, taken: 1 })
    t.strictSame(take([message.subarray(0, -pong.length), message.subarray(-pong.length), pong]), { rest: message, taken: 1 })
  })
}

t.test('where a frame begins is not known behind what was read before, and behind a head in two parts', async (t) => {
  const message = frame(1, Buffer.alloc(1000))

  t.equal(take([pong], message).taken, 0)
  t.equal(take([message.subarray(0, 3), message.subarray(3), pong]).taken, 0)
  t.equal(take([Buffer.from([0x81, 0x00]), pong]).taken, 0, 'nor behind a frame that is not masked')
})

t.test('of a socket that is paused nothing is taken, and then again', async (t) => {
  const stream = new Duplex({ read () {} })
  let taken = 0
  takePongs(stream, () => { taken++ })

  stream.pause()
  stream.push(pong)
  t.equal(taken, 0)
  t.strictSame(stream.read(), pong)

  stream.resume()
  stream.push(pong)
  t.equal(taken, 1)
})

t.test('pongs with a payload, or with others, go on', async (t) => {
  for (const chunk of [frame(10, Buffer.from('x')), Buffer.concat([pong, pong]), Buffer.concat([frame(1, Buffer.from('x')), pong]), frame(9, Buffer.alloc(0))]) {
    t.strictSame(take([chunk, pong]), { rest: chunk, taken: 1 })
  }
})

t.test('however frames are read, all go on but whole pongs', async () => {
  const like = fc.nat(20).map((count) => Buffer.concat(Array<Buffer>(count).fill(pong)))
  const other = fc.tuple(fc.constantFrom(0, 1, 2, 8, 9), like).map(([opcode, payload]) => frame(opcode, payload))
  const sizes = fc.array(fc.oneof(fc.constant(pong.length), fc.integer({ min: 1, max: 40 })), { minLength: 1 })
  fc.assert(fc.property(fc.array(fc.oneof(fc.constant(pong), other), { maxLength: 12 }), sizes, (frames, sizes) => {
    const bytes = Buffer.concat(frames)
    const chunks: Buffer[] = []
    for (let at = 0, i = 0; at < bytes.length; i++) chunks.push(bytes.subarray(at, at += sizes[i % sizes.length] ?? 1))

    const { rest, taken } = take(chunks)

    // Read as frames again, it has all that were no pongs, in their order, and the pongs that were not taken.
    const left = framesOf(rest)
    return left.length === frames.length - taken && Buffer.concat(left.filter(isOther)).equals(Buffer.concat(frames.filter(isOther)))
  }))
})
