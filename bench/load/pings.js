import { ping } from './client-frame.js'
import { atPace, until } from './turns.js'

const PATIENCE_MS = 5_000
const PING_EVERY_MS = 1

/** Pings the server in turn from all sockets for `ms`. Returns how long each took, in ms from when it should have been sent to its pong, and how many pongs are missing. */
export async function measurePings (pool, { ms }) {
  const took = []
  const sentAt = pool.sockets.map(() => [])
  const times = Math.round(ms / PING_EVERY_MS)
  const bytes = ping()

  pool.onPong = ({ index }) => {
    const intended = sentAt[index].shift()
    if (intended !== undefined) took.push(performance.now() - intended) // Else it is a late one of another stretch.
  }
  await atPace(PING_EVERY_MS, times, (intended, n) => {
    const socket = pool.sockets[n % pool.sockets.length]
    sentAt[socket.index].push(intended)
    socket.write(bytes)
  })
  await until(() => took.length === times, PATIENCE_MS)
  return { took, missing: times - took.length }
}
