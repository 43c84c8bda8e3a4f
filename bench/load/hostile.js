import { connect } from 'node:net'
import { frame, ping, pong, text } from './client-frame.js'
import { Latencies } from './latencies.js'
import { atPace, until } from './turns.js'

const PATIENCE_MS = 5_000
const PING_EVERY_MS = 5
const FLOOD = 2_000
const CONTINUATION = 0x00
const TEXT_TO_BE_CONTINUED = 0x01
const COMPRESSED_TEXT = 0xc1

const many = (bytes) => Buffer.concat(Array(FLOOD).fill(bytes))
const flood = (bytes, perSecond = 20) => ({ perSecond, bytes: many(bytes) })

/** What bad clients send once they are connected, and how many of them come in a second. Each is a new one: the server ends them. */
const attacks = {
  pings: flood(ping()),
  pongs: flood(pong(Buffer.alloc(0))),
  frames: flood(text('{"type":"ping"}')),
  getStats: flood(text('{"type":"get_stats"}')),
  junk: flood(text('{"')),
  fragments: { perSecond: 20, bytes: Buffer.concat([frame(TEXT_TO_BE_CONTINUED, Buffer.from(' ')), many(frame(CONTINUATION, Buffer.from(' ')))]) },
  compressed: { perSecond: 100, bytes: frame(COMPRESSED_TEXT, Buffer.from('{}')) },
  upgrades: { perSecond: 1_000, bytes: Buffer.alloc(0), leaves: true },
  refused: { perSecond: 1_000, bytes: Buffer.alloc(0), leaves: true, badToken: true },
  headers: { perSecond: 100, head: `GET / HTTP/1.1\r\nHost: a\r\nX-Bomb: ${'x'.repeat(100_000)}` },
  unfinished: { perSecond: 200, head: 'GET / HTTP/1.1\r\nHost: a\r\n' }
}

/**
 * Pings the server in turn from all sockets for `ms`, beside the attack of that name, if there is one.
 * Returns how long the pongs took, and how many bad clients there were.
 */
export async function pingBeside (pool, { ms, attack }) {
  const latencies = new Latencies()
  const sentAt = pool.sockets.map(() => [])
  const times = Math.round(ms / PING_EVERY_MS)
  const bytes = ping()
  const bad = new Set()
  let came = 0
  let answered = 0

  pool.onPong = ({ index }) => {
    latencies.add(performance.now() - sentAt[index].shift())
    answered++
  }
  const { perSecond, ...how } = attacks[attack] ?? { perSecond: 0 }
  await Promise.all([
    atPace(PING_EVERY_MS, times, (intended, n) => {
      const socket = pool.sockets[n % pool.sockets.length]
      sentAt[socket.index].push(intended)
      socket.write(bytes)
    }),
    perSecond > 0 && atPace(1000 / perSecond, Math.round(perSecond * ms / 1000), () => {
      came++
      const socket = attackOnce(pool, `mallory${came}`, how)
      bad.add(socket)
      socket.once('close', () => { bad.delete(socket) })
    })
  ])
  await until(() => answered === times, PATIENCE_MS)
  for (const socket of bad) socket.resetAndDestroy()
  return { ...latencies.summary(), missing: times - answered, came }
}

function attackOnce (pool, user, { head, bytes, leaves = false, badToken = false }) {
  const socket = connect({ port: pool.port, host: '127.0.0.1', noDelay: true })
  socket.on('error', () => {})
  if (head !== undefined) {
    socket.write(head)
  } else {
    socket.write(pool.upgrade(user, badToken ? 'x' : ''))
    socket.once('data', () => {
      if (leaves) socket.resetAndDestroy()
      else socket.write(bytes)
    })
  }
  return socket.resume()
}
