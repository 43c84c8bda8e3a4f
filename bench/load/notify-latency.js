import { HttpQueue } from './http-queue.js'
import { Latencies } from './latencies.js'
import { isOf, postToAll, postToUser, sizes } from './requests.js'
import { atPace, until } from './turns.js'

const PATIENCE_MS = 10_000
const BROADCAST_EVERY_MS = 1_000
const CONNECTIONS = 64

/**
 * Posts `rate` times a second to one user after the other, whether the ones before were answered or not, and measures
 * from when a POST should have been sent to when its frame is here. With `broadcasts`, one goes to everybody each second.
 */
export async function measureNotifyLatency (pool, { ms, rate, broadcasts = false }) {
  const requests = pool.sockets.map((_, index) => postToUser(pool, index, sizes.usual))
  const toAll = postToAll(pool, sizes.long)
  const [forBroadcasts, ...others] = await pool.http(1 + CONNECTIONS)
  const posts = new HttpQueue(others)
  const broadcastPosts = new HttpQueue([forBroadcasts])
  const times = Math.round(ms * rate / 1000)
  const latencies = new Latencies()
  const expected = pool.sockets.map(() => []) // When what each socket waits for should have been sent, in order.
  let arrived = 0

  pool.onText = ({ index }, length) => {
    if (!isOf(sizes.usual, length)) return
    latencies.add(performance.now() - expected[index].shift())
    arrived++
  }
  await Promise.all([
    atPace(1000 / rate, times, (intended, n) => {
      const index = n % requests.length
      expected[index].push(intended)
      posts.send(requests[index])
    }),
    broadcasts && atPace(BROADCAST_EVERY_MS, Math.floor(ms / BROADCAST_EVERY_MS), () => {
      broadcastPosts.send(toAll)
    })
  ])
  const failure = () => posts.failure ?? broadcastPosts.failure
  await until(() => failure() !== undefined || arrived === times, PATIENCE_MS)
  if (failure() !== undefined) throw failure()
  if (arrived < times) throw new Error(`${times - arrived} of ${times} notifications did not arrive`)
  return latencies.summary()
}
