import { isOf, postToAll, postToUser, sizes } from './requests.js'
import { until } from './turns.js'

const PATIENCE_MS = 120_000
const CONNECTIONS = 32

/**
 * Cuts all sockets at once, posts what each of them misses, half of it to everybody and half to each, and lets them come back with
 * the id that they had. Returns how many notifications they recovered, and the milliseconds from the first return to the last of them.
 */
export async function recover (pool, { missed }) {
  const count = pool.sockets.length
  const connections = await pool.http(CONNECTIONS)
  const { id } = JSON.parse(await send(connections[0], postToUser(pool, 0, sizes.usual)))
  pool.close()
  const requests = [
    ...Array.from({ length: missed / 2 }, () => postToAll(pool, sizes.usual)),
    ...Array.from({ length: count * missed / 2 }, (_, i) => postToUser(pool, i % count, sizes.usual))
  ]
  await Promise.all(connections.map(async (connection) => {
    for (let request = requests.pop(); request !== undefined; request = requests.pop()) await send(connection, request)
  }))

  let recovered = 0
  pool.onText = (_socket, length) => { if (isOf(sizes.usual, length)) recovered++ }
  const started = performance.now()
  await pool.open({ count, first: 0, atOnce: 256, query: `&last_event_id=${id}` })
  const opened = performance.now() - started
  if (!await until(() => recovered >= count * missed, PATIENCE_MS)) throw new Error(`${recovered} of ${count * missed} were recovered`)
  return { recovered, opened, ms: performance.now() - started }
}

function send (connection, request) {
  return new Promise((resolve, reject) => {
    connection.send(request, (error, body) => {
      if (error === undefined) resolve(body)
      else reject(error)
    })
  })
}
