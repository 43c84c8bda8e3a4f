import { ping, text } from './client-frame.js'
import { Latencies } from './latencies.js'
import { getStats } from './requests.js'
import { atPace } from './turns.js'

const PING_EVERY_MS = 50
/** An answer has a thousand names, and a heartbeat none. */
const STATS_LENGTH = 1_000

/**
 * Each second the first `askers` sockets ask for `get_stats`, spread over it or all at one moment, and one request asks for GET stats.
 * Returns how long the last socket waited for the pongs of its pings meanwhile, and how many answers came.
 */
export async function askStats (pool, { ms, askers, together }) {
  const request = getStats(pool)
  const frame = text('{"type":"get_stats"}')
  const pingFrame = ping()
  const [connection] = await pool.http(1)
  const latencies = new Latencies()
  const sentAt = []
  const seconds = Math.floor(ms / 1000)
  const last = pool.sockets.at(-1)
  let answers = 0
  let failure

  pool.onPong = (socket) => { if (socket === last) latencies.add(performance.now() - sentAt.shift()) }
  pool.onText = ({ index }, length) => { if (index < askers && length >= STATS_LENGTH) answers++ }
  const ask = (index) => { pool.sockets[index].write(frame) }

  await Promise.all([
    atPace(PING_EVERY_MS, ms / PING_EVERY_MS, (intended) => {
      sentAt.push(intended)
      last.write(pingFrame)
    }),
    atPace(1000, seconds, () => {
      connection.send(request, (error) => { failure ??= error })
    }),
    together
      ? atPace(1000, seconds, () => { for (let index = 0; index < askers; index++) ask(index) })
      : atPace(1000 / askers, seconds * askers, (_intended, n) => { ask(n % askers) })
  ])
  if (failure !== undefined) throw failure
  return { ...latencies.summary(), answers }
}
