import { connect } from 'node:net'
import { constants, setPriority } from 'node:os'
import { frame, ping, pong, text } from './client-frame.js'
import { atPace, until } from './turns.js'

const FLOOD = 2_000
const CONTINUATION = 0x00
const TEXT_TO_BE_CONTINUED = 0x01
const COMPRESSED_TEXT = 0xc1
const RESERVED_OPCODE = 0x83
const CLOSE = 0x88
const NO_MASK = Buffer.from([0x89, 0x00])

const many = (bytes, count = FLOOD) => Buffer.concat(Array(count).fill(bytes))
const flood = (bytes) => ({ perSecond: 20, bytes: [many(bytes)] })
const inFragments = (payload, count) => Buffer.concat([frame(TEXT_TO_BE_CONTINUED, payload), many(frame(CONTINUATION, payload), count - 1)])

const request = (line) => `${line} HTTP/1.1\r\nHost: a\r\n`

/**
 * How many bad clients come in a second, and what each sends: one of the `bytes` in turn, behind an upgrade, or one of the `heads` in its place.
 * Each is a new one, with an address of its own unless it says `from` where: the server ends them.
 */
const attacks = {
  pings: flood(ping()),
  pongs: flood(pong(Buffer.alloc(0))),
  frames: flood(text('{"type":"ping"}')),
  getStats: flood(text('{"type":"get_stats"}')),
  junk: flood(text('{"')),
  closes: flood(frame(CLOSE, Buffer.from([0x03, 0xe8]))),
  fragments: { perSecond: 20, bytes: [inFragments(Buffer.from(' '), FLOOD)] },
  oversized: { perSecond: 20, bytes: [inFragments(Buffer.alloc(120, ' '), 600)] },
  compressed: { perSecond: 100, bytes: [frame(COMPRESSED_TEXT, Buffer.from('{}'))] },
  broken: { perSecond: 100, bytes: [NO_MASK, frame(RESERVED_OPCODE, Buffer.from('{}')), frame(CLOSE, Buffer.from([0x03]))] },
  slowReaders: { perSecond: 100, bytes: [many(ping(Buffer.alloc(125)), 40)], slow: true },
  oneAddress: { perSecond: 1_000, leaves: true, from: '127.9.9.9' },
  refused: { perSecond: 1_000, badToken: true, leaves: true },
  upgrades: { perSecond: 1_000, leaves: true },
  headers: { perSecond: 100, heads: [`${request('GET /')}X-Bomb: ${'x'.repeat(100_000)}`] },
  unfinished: {
    perSecond: 200,
    heads: [
      request('GET /'),
      `${request('POST /api/v1/ws/broadcast')}Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n{`,
      `${request('GET /api/v1/ws')}Connection: Upgrade\r\nUpgrade: websocket\r\n`
    ]
  }
}

let last = 0

/** Sends bad clients for `ms`, and gives way to all other processes. Returns the share of them that came in time. */
export async function attack (pool, { ms, name }) {
  setPriority(constants.priority.PRIORITY_LOW)
  const { perSecond, ...how } = attacks[name]
  const times = Math.round(perSecond * ms / 1000)
  const sockets = new Set()
  const deadline = performance.now() + ms
  let came = 0
  await atPace(1000 / perSecond, times, () => {
    if (performance.now() > deadline) return
    came++
    const socket = attackOnce(pool, ++last, how)
    sockets.add(socket)
    socket.once('close', () => { sockets.delete(socket) })
  })
  await until(() => performance.now() > deadline, ms)
  for (const socket of sockets) socket.resetAndDestroy()
  return { came: came / times }
}

function attackOnce (pool, number, { heads, bytes, badToken = false, leaves = false, slow = false, from = addressOf(number) }) {
  const turn = (list) => list[number % list.length]
  const socket = connect({ port: pool.port, host: '127.0.0.1', localAddress: from, noDelay: true, ...slow && { onread: oneByte(() => { socket.resume() }) } })
  socket.on('error', () => {})
  socket.write(heads === undefined ? pool.upgrade(`mallory${number}`, badToken ? 'x' : '') : turn(heads))
  if (bytes !== undefined) socket.write(turn(bytes))
  if (leaves) socket.once('data', () => { socket.resetAndDestroy() })
  return slow ? socket : socket.resume()
}

/** 62,500 addresses in turn. */
const addressOf = (number) => `127.1.${1 + Math.floor(number / 250) % 250}.${1 + number % 250}`

/** Reads one byte and no more until a second later. */
const oneByte = (readOn) => ({
  buffer: Buffer.alloc(1),
  callback () {
    setTimeout(readOn, 1000)
    return false
  }
})
