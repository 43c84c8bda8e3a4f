import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { ALL_SCOPES, SECRET } from '../support/app.js'
import { connect, refusal } from '../support/client.js'
import { prepareBuild, startServer } from '../support/process.js'
import { connectRaw } from '../support/raw-client.js'
import { startRedis } from '../support/redis.js'
import { isReady, post } from '../support/rest.js'
import { rollingRestart } from '../support/rolling.js'
import { sign } from '../support/token.js'
import { hasTool } from '../support/tools.js'
import { until } from '../support/wait.js'

t.before(prepareBuild)

const DRAIN_SECONDS = 4
const LEAD_MS = 510
const authorization = `Bearer ${sign({ scope: ALL_SCOPES })}`
const body = JSON.stringify({ notification_type: 'info', message: { title: 'Order 4711' } })

t.test('a stop may take longer than a hook of Fastify by default', async (t) => {
  const server = await startServer(t, { JWT_SECRET: SECRET, WS_AUTH: 'optional', DRAIN_SECONDS: '14' })
  const clients = await Promise.all(Array.from({ length: 10 }, async (_, i) => await connect(t, `${server.ws}/user${i}`)))
  server.kill('SIGTERM')
  await clients[0]?.nextOf('reconnect')

  await sleep(10_600)
  t.equal((await fetch(`http://127.0.0.1:${server.port}/health/live`)).status, 200)

  t.strictSame(await server.exited, { code: 0, signal: null })
  for (const { closed } of clients) t.equal((await closed).code, 1001)
})

t.test('a server that stops is not ready, opens no sockets, answers what is asked, and sends its clients away one by one', async (t) => {
  const server = await startServer(t, { JWT_SECRET: SECRET, WS_AUTH: 'optional', DRAIN_SECONDS: String(DRAIN_SECONDS) })
  const statusOf = async (path: string) => (await fetch(`http://127.0.0.1:${server.port}/health/${path}`)).status
  const clients = await Promise.all(Array.from({ length: 20 }, async (_, i) => await connect(t, `${server.ws}/user${i}`)))
  const half = connectTcp(server.port, '127.0.0.1')
  half.write(`POST /api/v1/ws/broadcast HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`)
  half.write(body.slice(0, 10))
  const asked = performance.now()

  server.kill('SIGTERM')
  const told = await Promise.all(clients.map(async (client) => {
    const { data } = await client.nextOf('reconnect')
    const since = performance.now()
    const ended = client.closed.then(({ code }) => ({ code, late: performance.now() - since - Number(data['after_ms']) }))
    return { client, afterMs: Number(data['after_ms']), ended }
  }))
  told.sort((a, b) => a.afterMs - b.afterMs)

  t.equal(await statusOf('ready'), 503)
  t.equal(await statusOf('live'), 200)
  t.match(await refusal(`${server.ws}/ada`), { status: 503, headers: { 'retry-after': /^\d+$/ }, problem: { code: 'shutting_down' } })
  half.write(body.slice(10))
  const [answer] = await once(half, 'data')
  t.match(answer.toString(), /^HTTP\/1.1 200/)
  const last = told.at(-1)
  const notified = await post(server, `/notify/user${clients.findIndex((client) => client === last?.client)}`, body)
  t.match(notified.body, { connections: 1, online: true })
  t.match((await last?.client.nextOf('notification'))?.data, { title: 'Order 4711' })

  told.forEach(({ afterMs }, i) => { t.ok(Math.abs(afterMs - LEAD_MS - (DRAIN_SECONDS * 900 - LEAD_MS) / 20 * i) < 400, `client ${i} after ${afterMs} ms`) })
  for (const { ended } of told) {
    const { code, late } = await ended
    t.equal(code, 1001)
    t.ok(late > -200 && late < 1500, `${late} ms late`)
  }
  t.strictSame(await server.exited, { code: 0, signal: null })
  t.ok(performance.now() - asked < DRAIN_SECONDS * 1000)
})

t.test('a stop is over as soon as everybody has left', async (t) => {
  const server = await startServer(t, { JWT_SECRET: SECRET, WS_AUTH: 'optional', DRAIN_SECONDS: '60' })
  const clients = await Promise.all(Array.from({ length: 10 }, async (_, i) => await connect(t, `${server.ws}/user${i}`)))
  const asked = performance.now()

  server.kill('SIGTERM')
  for (const client of clients) {
    await client.nextOf('reconnect')
    client.socket.close()
  }

  t.strictSame(await server.exited, { code: 0, signal: null })
  t.ok(performance.now() - asked < 10_000)
})

t.test('connections that have not asked for anything do not hold up a stop', async (t) => {
  const server = await startServer(t, { DRAIN_SECONDS: '60' })
  for (const text of ['', 'GET /health/live HTTP/1.1\r\nHost: x\r\n']) {
    const socket = connectTcp(server.port, '127.0.0.1').on('error', () => {})
    socket.write(text)
    await once(socket, 'connect')
  }
  await fetch(`http://127.0.0.1:${server.port}/health/live`)
  const asked = performance.now()

  server.kill('SIGTERM')

  t.strictSame(await server.exited, { code: 0, signal: null })
  t.ok(performance.now() - asked < 8_000)
})

t.test('neither a client that does not shake hands nor a request that comes late and never ends makes a stop longer', async (t) => {
  const server = await startServer(t, { JWT_SECRET: SECRET, WS_AUTH: 'optional', DRAIN_SECONDS: '2' })
  await connectRaw(t, `${server.ws}/ada`)
  const asked = performance.now()

  server.kill('SIGTERM')
  await sleep(1_000)
  const late = connectTcp(server.port, '127.0.0.1')
  await once(late, 'connect')
  late.on('error', () => {})
  await sleep(820)
  late.write(`POST /api/v1/ws/broadcast HTTP/1.1\r\nHost: a\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{`)

  t.strictSame(await server.exited, { code: 0, signal: null })
  t.ok(performance.now() - asked < 3_000)
})

t.test('a node sends its clients away, and ends, whatever Redis does', async (t) => {
  if (!hasTool(t, 'redis')) return
  const redis = await startRedis(t)
  const node = await startServer(t, { BROKER_URL: redis.url, JWT_SECRET: SECRET, WS_AUTH: 'optional', DRAIN_SECONDS: '4' })
  await until(() => isReady(node), 5_000)
  const clients = await Promise.all(Array.from({ length: 4 }, async (_, i) => await connect(t, `${node.ws}/user${i}`)))
  for (const client of clients) await client.nextOf('connection_status')

  redis.kill('SIGSTOP')
  node.kill('SIGTERM')

  for (const client of clients) {
    t.match(await client.nextOf('reconnect'), { data: { reason: 'shutting down' } })
    t.match(await client.closed, { code: 1001 })
  }
  t.strictSame(await node.exited, { code: 0, signal: null })
})

t.test('two nodes that are restarted one after the other are not missed (npm run test:rolling: 5,000 clients)', async (t) => {
  if (!hasTool(t, 'redis')) return

  const { problems, ...counts } = await rollingRestart({ clients: 200, drainSeconds: 4 })

  t.strictSame(problems, [])
  t.strictSame([counts.unanswered, counts.refused], [0, 0], 'every POST was answered')
  t.ok(counts.answered > 10 && counts.resumes >= 200 && counts.told >= 200, JSON.stringify(counts))
})
