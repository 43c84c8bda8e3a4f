import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { connect as connectTcp, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { addressOf, build, type Service } from '../support/app.js'
import { connect } from '../support/client.js'
import { until } from '../support/wait.js'

/** Requests of one connection that may wait for their answers. */
const MOST = 32

/** Sends as many requests at once; what is answered is not read. */
async function ask (t: Test, { port }: Service, path: string, times: number): Promise<Socket> {
  const socket = connectTcp(port, '127.0.0.1')
  t.teardown(() => { socket.destroy() })
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.pause()
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`.repeat(times))
  return socket
}

const descriptors = () => readdirSync('/proc/self/fd').length

t.test('requests that come together are answered in their order', async (t) => {
  const service = await build(t)
  const socket = await ask(t, service, '/health/live', MOST)
  let answers = ''
  socket.on('data', (bytes: Buffer) => { answers += bytes.toString() })
  socket.resume()

  await until(() => answers.split('HTTP/1.1 200').length === MOST + 1, 10_000)

  socket.write('GET /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(MOST))
  await until(() => answers.split('HTTP/1.1 404').length === MOST + 1, 10_000)
})

t.test('who asks for more before he has been answered is cut off, and no other', async (t) => {
  const service = await build(t)
  const other = await connect(t, addressOf(service, 'ada'))
  await other.next()
  const { server } = service.app
  let closed = 0
  server.on('connection', (socket: Socket) => socket.on('close', () => { closed++ }))

  for (let i = 0; i < 10; i++) await ask(t, service, '/openapi.json', 1000)

  await until(() => closed === 10, 10_000)
  other.send({ type: 'ping' })
  t.match(await other.next(), { type: 'pong' })
})

t.test('of files that were asked for and not read none stays open', async (t) => {
  const service = await build(t)
  const before = descriptors()

  for (const times of [1, 2, MOST, MOST + 1, 1000]) {
    const sockets = await Promise.all(Array.from({ length: 5 }, async () => await ask(t, service, '/docs/static/swagger-ui-bundle.js', times)))
    if (times <= MOST) await until(() => descriptors() >= before + 10 + 5 * times, 10_000)
    for (const socket of sockets) socket.resetAndDestroy()
    await until(() => descriptors() <= before, 10_000)
  }
})

t.test('who does not read his answer is cut off after a while; a socket of a client is not', async (t) => {
  const service = await build(t)
  t.equal(service.app.server.timeout, 30_000)
  service.app.server.timeout = 500
  const idle = await connect(t, addressOf(service, 'ada'))
  await idle.next()
  const cut = new Promise((resolve) => { service.app.server.once('connection', (socket: Socket) => { socket.once('close', resolve) }) })

  await ask(t, service, '/docs/static/swagger-ui-bundle.js', MOST)

  await cut
  idle.send({ type: 'ping' })
  t.match(await idle.next(), { type: 'pong' })
})
