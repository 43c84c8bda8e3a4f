/**
 * Lengths of the text of a notification as the client sees it. Peers wrap it a little differently; by its length it is told from
 * heartbeats and notifications of the other sizes. Herald's first frame on a socket has the length of a usual one: see `Pool.open`.
 */
export const sizes = {
  usual: { message: 92, least: 150, most: 290 },
  long: { message: 200, least: 300, most: 500 },
  huge: { message: 60_000, least: 59_000, most: 62_000 }
}

/** The bytes of a POST of a notification; with `sizes.usual` Herald's frame has 217 bytes. */
export function post ({ subject }, path, size) {
  const title = 'New message'
  const content = 'x'.repeat(size.message - JSON.stringify({ title, content: '' }).length)
  return request(subject, 'POST', path, JSON.stringify({ notification_type: 'info', message: { title, content } }))
}

export const postToUser = (pool, index, size) => post(pool, pool.subject.notifyPath(`u${index}`), size)
export const postToAll = (pool, size) => post(pool, pool.subject.broadcastPath, size)
export const getStats = ({ subject }) => request(subject, 'GET', subject.statsPath)

/** Whether the text of a frame is a notification of this size. */
export const isOf = (size, length) => length >= size.least && length <= size.most

function request (subject, method, path, body) {
  const headers = { host: '127.0.0.1', ...subject.headers }
  if (body !== undefined) Object.assign(headers, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body ?? ''}`)
}
