import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { type IncomingMessage, ServerResponse } from 'node:http'
import { connect as connectTcp, type Socket } from 'node:net'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { queryObjects } from 'node:v8'
import t, { type Test } from 'tap'
import { addressOf, build, type Service } from '../support/app.js'
import { connect } from '../support/client.js'
import { upgradeText } from '../support/raw-client.js'
import { until } from '../support/wait.js'

/** Requests of one connection that are served at once, and those that may be there. */
const MOST = 32
const MOST_IN_ALL = MOST + 1024

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

/** How often this process has the file of that name open. */
const opened = (name: string) => readdirSync('/proc/self/fd').filter((descriptor) => {
  try {
    return basename(readlinkSync(`/proc/self/fd/${descriptor}`)) === name
  } catch { // That of the listing itself.
    return false
  }
}).length

t.test('requests that come together are answered in their order', async (t) => {
  const service = await build(t)
  const socket = await ask(t, service, '/health/live', MOST)
  let answers = ''
  socket.on('data', (bytes: Buffer) => { answers += bytes.toString() })
  socket.resume()

  await until(() => answers.split('HTTP/1.1 200').length === MOST + 1, 10_000)

  socket.write('GET /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(MOST_IN_ALL))
  await until(() => answers.split('HTTP/1.1 404').length === MOST_IN_ALL + 1, 10_000)
})

const get = 'GET /health/live HTTP/1.1\r\nHost: a\r\n'

t.test('an upgrade that comes with other requests is answered behind them', async (t) => {
  const service = await build(t)
  const h2c = `${get}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`
  const socket = connectTcp(service.port, '127.0.0.1')
  t.teardown(() => { socket.destroy() })
  let answers = ''
  socket.on('data', (bytes: Buffer) => { answers += bytes.toString() })

  socket.write(`${get}\r\n${h2c}${get}\r\n${h2c}${h2c}${upgradeText(addressOf(service, 'ada'))}`)
  await until(() => answers.includes('connection_status'), 5_000)

  t.strictSame(answers.match(/(?<=HTTP\/1\.1 )\d+/g), ['200', '200', '200', '200', '200', '101'])
})

t.test('who goes away while his upgrade waits for an answer hurts nobody, and who does not read it holds up no stop', async (t) => {
  const service = await build(t)
  const accepted: Socket[] = []
  service.app.server.on('connection', (socket: Socket) => { accepted.push(socket) })
  const text = `${get.replace('/health/live', '/openapi.json')}\r\n`.repeat(400) + upgradeText(addressOf(service, 'ada'))

  for (let i = 0; i < 20; i++) {
    const socket = connectTcp(service.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.pause()
    socket.write(text)
    await until(() => accepted[i]?.timeout === 10_000, 5_000)
    if (i < 19) socket.resetAndDestroy()
    else t.teardown(() => { socket.destroy() })
  }
  await until(() => accepted.filter(({ destroyed }) => !destroyed).length === 1, 5_000)

  for (let i = 0; i < 100; i++) {
    const socket = connectTcp(service.port, '127.0.0.1')
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.write(`${get.replace('/health/live', '/docs')}\r\n${upgradeText(addressOf(service, 'ada'))}`)
    await sleep(i % 4)
    socket.resetAndDestroy()
  }
  await until(() => accepted.filter(({ destroyed }) => !destroyed).length === 1, 5_000)

  const started = performance.now()
  await service.app.close()
  t.ok(performance.now() - started < 3_000)
  t.equal(accepted.at(-1)?.destroyed, true)
})

t.test('who asks for more before he has been answered is cut off, and no other', async (t) => {
  const service = await build(t)
  const other = await connect(t, addressOf(service, 'ada'))
  await other.next()
  const { server } = service.app
  let closed = 0
  server.on('connection', (socket: Socket) => socket.on('close', () => { closed++ }))

  for (let i = 0; i < 10; i++) await ask(t, service, '/openapi.json', MOST_IN_ALL + 1)

  await until(() => closed === 10, 10_000)
  other.send({ type: 'ping' })
  t.match(await other.next(), { type: 'pong' })
})

/** Answers of 1.5 MB that the kernel may take although nobody reads: their files are closed. */
const IN_BUFFERS = 2

t.test('of files that were asked for and not read none stays open', async (t) => {
  const service = await build(t)
  const connections = promisify(service.app.server.getConnections.bind(service.app.server))

  for (const times of [1, 2, MOST, MOST + 1, MOST_IN_ALL, MOST_IN_ALL + 1]) {
    const sockets = await Promise.all(Array.from({ length: 5 }, async () => await ask(t, service, '/docs/static/swagger-ui-bundle.js', times)))
    if (times <= MOST) await until(() => opened('swagger-ui-bundle.js') >= 5 * (times - IN_BUFFERS), 10_000)
    for (const socket of sockets) socket.resetAndDestroy()
    await until(async () => opened('swagger-ui-bundle.js') === 0 && await connections() === 0, 10_000)
  }
})

t.test('a socket does not keep the request that it came with', async (t) => {
  const service = await build(t, { MAX_CONNECTIONS_PER_USER: 0 })
  const requests: Array<WeakRef<IncomingMessage>> = []
  service.app.server.on('upgrade', (request: IncomingMessage) => { requests.push(new WeakRef(request)) })
  const clients = await Promise.all(Array.from({ length: 50 }, async () => await connect(t, addressOf(service, 'ada'))))
  for (const client of clients) await client.next()

  t.ok(queryObjects(ServerResponse, { format: 'count' }) < 10)
  t.strictSame(requests.filter((request) => request.deref() !== undefined), [])
})

t.test('who does not read his answer is cut off after a while; a socket of a client is not', async (t) => {
  const service = await build(t)
  t.equal(service.app.server.timeout, 35_000)
  service.app.server.timeout = 500
  const idle = await connect(t, addressOf(service, 'ada'))
  await idle.next()
  const cut = new Promise((resolve) => { service.app.server.once('connection', (socket: Socket) => { socket.once('close', resolve) }) })

  await ask(t, service, '/docs/static/swagger-ui-bundle.js', MOST)

  await cut
  idle.send({ type: 'ping' })
  t.match(await idle.next(), { type: 'pong' })
})
