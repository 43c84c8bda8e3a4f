import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { type AddressInfo, connect as connectTcp } from 'node:net'
import t, { type Test } from 'tap'
import { createApp } from '../src/app.js'
import { readConfig } from '../src/config.js'
import { ALL_SCOPES, SECRET } from './support/app.js'
import { sign } from './support/token.js'
import { until } from './support/wait.js'

const HEADERS_MS = 400
const REQUEST_MS = 1000
const CHECK_MS = 50
const TRICKLE_MS = 100

const head = (lines: string) => `${lines}\r\nHost: 127.0.0.1\r\n`
const begun: Record<string, { text: string, limitMs: number }> = {
  nothing: { text: '', limitMs: HEADERS_MS },
  'half a request': { text: head('GET /health/live HTTP/1.1') + 'X-Slow: ', limitMs: HEADERS_MS },
  'half an upgrade': { text: head('GET /api/v1/ws HTTP/1.1') + 'Connection: Upgrade\r\nUpgrade: websocket\r\nX-Slow: ', limitMs: HEADERS_MS },
  'half a body': {
    text: head('POST /api/v1/ws/broadcast HTTP/1.1') + `Authorization: Bearer ${sign({ scope: ALL_SCOPES })}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n`,
    limitMs: REQUEST_MS
  }
}

/** A service whose time-outs are short; how many sockets it has. */
async function serve (t: Test) {
  const app = createApp(readConfig({ JWT_SECRET: SECRET, BROKER_URL: 'memory:' }))
  t.teardown(() => app.close())
  Object.assign(app.server, { headersTimeout: HEADERS_MS, requestTimeout: REQUEST_MS, connectionsCheckingInterval: CHECK_MS })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const sockets = async () => await new Promise<number>((resolve) => { app.server.getConnections((_error, count) => { resolve(count) }) })
  return { port, sockets }
}

/** Begins a request and goes on with a byte at a time; resolves with what came before the end, and after how long. */
async function trickle (t: Test, port: number, text: string): Promise<{ answer: string, ms: number }> {
  const socket = connectTcp(port, '127.0.0.1')
  t.teardown(() => { socket.destroy() })
  socket.on('error', () => {})
  let answer = ''
  socket.on('data', (bytes: Buffer) => { answer += bytes.toString() })
  await once(socket, 'connect')
  const started = performance.now()
  socket.write(text)
  const more = setInterval(() => { if (text !== '') socket.write('x') }, TRICKLE_MS)
  await once(socket, 'close')
  clearInterval(more)
  return { answer, ms: performance.now() - started }
}

t.test('who sends too slowly is answered 408 and ended, round after round, and nothing of him stays', async (t) => {
  const { port, sockets } = await serve(t)

  for (let round = 0; round < 2; round++) {
    await Promise.all(Object.entries(begun).flatMap(([name, { text, limitMs }]) => Array.from({ length: 10 }, async () => {
      const { answer, ms } = await trickle(t, port, text)
      t.match(answer, /^HTTP\/1.1 408 [^]*"code":"request_timeout"/, name)
      t.ok(ms > limitMs - 100 && ms < limitMs + 1000, `${name}: ${ms} ms`)
    })))
    await until(async () => await sockets() === 0, 1000)
  }
})

t.test('who is quick may ask on one connection for longer than any request may take', async (t) => {
  const { port, sockets } = await serve(t)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => { agent.destroy() })

  const deadline = performance.now() + 1.5 * REQUEST_MS
  while (performance.now() < deadline) {
    const asked = request({ host: '127.0.0.1', port, path: '/health/live', agent }).end()
    const [response] = await once(asked, 'response')
    t.equal(response.statusCode, 200)
    response.resume()
    await once(response, 'end')
    await new Promise((resolve) => { setTimeout(resolve, 100) })
  }
  t.equal(await sockets(), 1)
})

t.test('what the time-outs are where nobody made them short', async (t) => {
  const { server } = createApp(readConfig({ BROKER_URL: 'memory:' }))

  t.match(server, { headersTimeout: 10_000, requestTimeout: 30_000, connectionsCheckingInterval: 1000 })
})
