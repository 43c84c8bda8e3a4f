import { once } from 'node:events'
import t, { type Test } from 'tap'
import { addressOf, build, type Service } from '../support/app.js'
import { clientFrame, closePayload, opcodes, textFrame } from '../support/client-frames.js'
import { parseFrames } from '../support/frames.js'
import { connectRaw } from '../support/raw-client.js'
import { until } from '../support/wait.js'

const { continuation, text, binary, close, ping, pong } = opcodes

const PING = '{"type":"ping"}'
const tail = (frames: Buffer, last: number = text) => Buffer.concat([frames, clientFrame(last, PING)])

/** What the server must not take, and the code that it must close with (RFC 6455 §7.4.1). */
const broken: Record<string, [Buffer, number]> = {
  'RSV1 without compression having been negotiated': [clientFrame(text, PING, { rsv: 4 }), 1002],
  'RSV1 on a continuation': [Buffer.concat([clientFrame(text, PING, { fin: false }), clientFrame(continuation, '', { rsv: 4 })]), 1002],
  'RSV1 on a ping': [clientFrame(ping, '', { rsv: 4 }), 1002],
  RSV2: [clientFrame(text, PING, { rsv: 2 }), 1002],
  RSV3: [clientFrame(text, PING, { rsv: 1 }), 1002],
  ...Object.fromEntries([3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => [`opcode ${opcode}`, [clientFrame(opcode, PING), 1002]])),

  'a frame without a mask': [clientFrame(text, PING, { masked: false }), 1002],
  'a ping without a mask': [clientFrame(ping, '', { masked: false }), 1002],
  'a close without a mask': [clientFrame(close, closePayload(1000), { masked: false }), 1002],

  'a continuation of nothing': [clientFrame(continuation, PING), 1002],
  'a message within a message': [tail(clientFrame(text, '{', { fin: false })), 1002],
  'a binary message within a text': [tail(clientFrame(text, '{', { fin: false }), binary), 1002],
  'a ping in fragments': [clientFrame(ping, '', { fin: false }), 1002],
  'a close in fragments': [clientFrame(close, closePayload(1000), { fin: false }), 1002],
  'a ping of 126 bytes': [clientFrame(ping, Buffer.alloc(126)), 1002],
  'a pong that says it has 2^40 bytes': [clientFrame(pong, '', { length: 2 ** 40 }), 1002],
  'a close of 126 bytes': [clientFrame(close, Buffer.alloc(126)), 1002],

  'a frame that says it is a byte too long': [clientFrame(text, '', { length: 65_537 }), 1009],
  'a frame that says it is 2^53 bytes long': [clientFrame(text, '', { length: 2 ** 53 }), 1009],
  'fragments that are too long together': [Buffer.concat([clientFrame(text, Buffer.alloc(40_000, ' '), { fin: false }), clientFrame(continuation, '', { fin: false, length: 30_000 })]), 1009],
  'fragments without end': [Buffer.concat([clientFrame(text, '{', { fin: false }), ...Array<Buffer>(5000).fill(clientFrame(continuation, ' ', { fin: false }))]), 1008],
  'empty fragments without end': [Buffer.concat([clientFrame(text, '', { fin: false }), ...Array<Buffer>(5000).fill(clientFrame(continuation, '', { fin: false }))]), 1008],

  'half a character at the end': [clientFrame(text, Buffer.from([0xc3])), 1007],
  'half a character in each of two fragments, which do not fit': [Buffer.concat([clientFrame(text, Buffer.from([0xc3]), { fin: false }), clientFrame(continuation, Buffer.from([0xc3]))]), 1007],
  'half a surrogate pair': [clientFrame(text, Buffer.from([0xed, 0xa0, 0x80])), 1007],

  'a close with one byte': [clientFrame(close, Buffer.from([3])), 1002],
  ...Object.fromEntries([0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535].map((code) => [`a close with ${code}`, [clientFrame(close, closePayload(code)), 1002]])),
  'a close whose reason is not UTF-8': [clientFrame(close, closePayload(1000, Buffer.from([0xff]))), 1007]
}

/** Sends bytes on a connection of its own; returns what is answered until the server has ended it. */
async function answersTo (t: Test, service: Service, bytes: Buffer) {
  const socket = await connectRaw(t, addressOf(service, 'mallory'))
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => { chunks.push(chunk) })
  socket.write(bytes)
  await once(socket, 'close')
  const { frames } = parseFrames(Buffer.concat(chunks))
  const last = frames.at(-1)
  return {
    answers: frames.slice(0, -1).map(({ opcode, payload }) => opcode === text ? JSON.parse(payload.toString()) : { opcode, payload: payload.toString() })
      .filter(({ type }) => type !== 'connection_status'),
    code: last?.opcode === close ? last.payload.length === 0 ? 'none' : last.payload.readUInt16BE() : undefined
  }
}

t.test('each frame that is not one is answered by its close code and by nothing else, and nobody else notices', async (t) => {
  const service = await build(t, { MAX_CONNECTIONS_PER_USER: 0 })
  const { connections } = service.app

  await Promise.all(Object.entries(broken).map(async ([name, [bytes, code]]) => {
    const twice = Buffer.concat([bytes, textFrame({ type: 'ping' })]) // What follows must not be answered.
    t.strictSame(await answersTo(t, service, twice), { answers: [], code }, name)
  }))

  t.equal(connections.getTotalConnectionsCount(), 0)
})

t.test('what is unusual and right is served', async (t) => {
  const service = await build(t)
  const letter = Buffer.from('ё')
  const split = Buffer.concat([
    clientFrame(text, Buffer.concat([Buffer.from('{"type":"ping","id":"'), letter.subarray(0, 1)]), { fin: false }),
    clientFrame(ping, 'between'),
    clientFrame(continuation, '', { fin: false }),
    clientFrame(continuation, Buffer.concat([letter.subarray(1), Buffer.from('"}')]))
  ])

  const { answers, code } = await answersTo(t, service, Buffer.concat([split, clientFrame(pong, 'unasked'), clientFrame(ping, Buffer.alloc(125, 'x')), clientFrame(close)]))

  t.match(answers, [{ opcode: pong, payload: 'between' }, { type: 'pong', id: 'ё' }, { opcode: pong, payload: 'x'.repeat(125) }])
  t.equal(code, 'none')
})

t.test('a close is answered by its own code, and what follows it by nothing', async (t) => {
  const service = await build(t)

  for (const code of [1000, 1001, 1011, 1014, 3000, 4999]) {
    const bytes = Buffer.concat([clientFrame(close, closePayload(code, 'enough')), textFrame({ type: 'ping' }), clientFrame(ping), clientFrame(close, closePayload(1002))])
    t.strictSame(await answersTo(t, service, bytes), { answers: [], code })
  }
})

t.test('a peer that ends only its own direction of TCP is let go', async (t) => {
  const service = await build(t)
  const { connections } = service.app
  const socket = await connectRaw(t, addressOf(service, 'ada'))
  const half = await connectRaw(t, addressOf(service, 'ada'))

  socket.end()
  half.end(clientFrame(text, PING).subarray(0, 5)) // In the middle of a frame.

  await Promise.all([once(socket.resume(), 'close'), once(half.resume(), 'close')])
  await until(() => connections.getTotalConnectionsCount() === 0, 5000)
})

t.test('who is sent a close and neither answers nor ends is cut off, whatever he goes on sending', async (t) => {
  const service = await build(t)
  const { app } = service
  const silent = await connectRaw(t, addressOf(service, 'ada'))
  const talking = await connectRaw(t, addressOf(service, 'ada'))
  const broke = await connectRaw(t, addressOf(service, 'ada'))
  const talk = setInterval(() => { for (const socket of [talking, broke]) socket.write(textFrame({ type: 'ping' })) }, 100)
  t.teardown(() => { clearInterval(talk) })

  for (const socket of [silent, talking]) socket.write(textFrame({ type: 'disconnect' }))
  broke.write(clientFrame(3))

  // Who is cut off while he sends may see a reset, which is the same to him.
  await Promise.all([silent, talking, broke].map((socket) => new Promise((resolve) => { socket.resume().once('close', resolve) })))
  t.equal(app.connections.getTotalConnectionsCount(), 0)
  await until(() => new Promise((resolve) => { app.server.getConnections((_error, count) => { resolve(count === 0) }) }), 5000)
})
