import { postToUser, sizes } from './requests.js'

/** Posts to one user after the other for `ms` milliseconds, each of the connections as soon as it has its answer. */
export async function postNotify (pool, { ms, connections: count }) {
  const connections = await pool.http(count)
  const requests = pool.sockets.map((_, index) => postToUser(pool, index, sizes.usual))
  pool.onText = () => {}
  const started = performance.now()
  let answered = 0
  let sent = 0

  await Promise.all(connections.map((connection) => new Promise((resolve, reject) => {
    const next = (error) => {
      if (error !== undefined) return reject(error)
      if (performance.now() - started >= ms) return resolve()
      connection.send(requests[sent++ % requests.length], (error) => {
        answered++
        next(error)
      })
    }
    next()
  })))
  return { requests: answered, ms: performance.now() - started }
}
