import { isOf, postToAll, postToUser, sizes } from './requests.js'
import { until } from './turns.js'

const PATIENCE_MS = 120_000
const CONNECTIONS = 32

/** Another one than that of a socket's first frame. */
const SIZE = sizes.long

/**
 * Cuts all sockets at once, posts what each of them misses, half of it to everybody and half to each, and lets them come back with
 * the id that they had. Returns how many notifications they recovered, and the milliseconds
 * from the first return to the last socket that was open, and to the last notification.
 */
export async function recover (pool, { missed }) {
  const count = pool.sockets.length
  const connections = await pool.http(CONNECTIONS)
  const { id } = JSON.parse(await send(connections[0], postToUser(pool, 0, sizes.usual)))
  pool.close()
  const requests = [
    ...Array.from({ length: missed / 2 }, () => postToAll(pool, SIZE)),
    ...Array.from({ length: count * missed / 2 }, (_, i) => postToUser(pool, i % count, SIZE))
  ]
  await Promise.all(connections.map(async (connection) => {
    for (let request = requests.pop(); request !== undefined; request = requests.pop()) await send(connection, request)
  }))

  const expected = count * missed
  let recovered = 0
  let ms = 0
  pool.onText = (_socket, length) => {
    if (!isOf(SIZE, length)) return
    recovered++
    ms = performance.now() - started
  }
  const started = performance.now()
  const opened = await pool.open({ count, first: 0, atOnce: 256, query: `&last_event_id=${id}` })
  await until(() => recovered >= expected, PATIENCE_MS)
  if (recovered !== expected) throw new Error(`${recovered} of ${expected} were recovered`)
  return { recovered, opened, ms }
}

function send (connection, request) {
  return new Promise((resolve, reject) => {
    connection.send(request, (error, body) => {
      if (error === undefined) resolve(body)
      else reject(error)
    })
  })
}
