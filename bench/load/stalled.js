import { HttpQueue } from './http-queue.js'
import { Latencies } from './latencies.js'
import { isOf, postToAll, postToUser, sizes } from './requests.js'
import { atPace, until } from './turns.js'

const PATIENCE_MS = 10_000
const CONNECTIONS = 32

/**
 * Sends `broadcasts` a second to everybody, and to the first `fed` sockets `feeds` notifications of 60 KB a second each;
 * with `stall` those do not read. Measures how late the broadcasts are at the others. At the end the stalled ones read again:
 * those that the server had given up are counted as `ended`.
 */
export async function measureStalled (pool, { ms, broadcasts, fed, feeds, stall }) {
  const toAll = postToAll(pool, sizes.usual)
  const toFed = Array.from({ length: fed }, (_, index) => postToUser(pool, index, sizes.huge))
  const posts = new HttpQueue(await pool.http(CONNECTIONS))
  const times = Math.round(ms * broadcasts / 1000)
  const latencies = new Latencies()
  const intended = []
  const arrived = pool.sockets.map(() => 0)
  const stalled = stall ? pool.sockets.slice(0, fed) : []
  let left = times * (pool.sockets.length - fed)

  pool.onText = ({ index }, length) => {
    if (!isOf(sizes.usual, length)) return
    const number = arrived[index]++
    if (index < fed) return
    latencies.add(performance.now() - intended[number])
    left--
  }

  for (const socket of stalled) socket.stopReading()
  await Promise.all([
    atPace(1000 / broadcasts, times, (at) => {
      intended.push(at)
      posts.send(toAll)
    }),
    atPace(1000 / (fed * feeds), Math.round(ms * fed * feeds / 1000), (_at, n) => { posts.send(toFed[n % fed]) })
  ])
  await until(() => posts.failure !== undefined || left === 0, PATIENCE_MS)
  if (posts.failure !== undefined) throw posts.failure

  for (const socket of stalled) socket.readOn()
  await until(() => stalled.every(({ index, ended }) => ended || arrived[index] === times), PATIENCE_MS)
  return { ...latencies.summary(), missing: left, ended: stalled.filter(({ ended }) => ended).length }
}
