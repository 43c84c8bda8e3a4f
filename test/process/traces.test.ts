import { join } from 'node:path'
import t from 'tap'
import { freePort } from '../../scripts/ports.js'
import { ALL_SCOPES, addressOf, SECRET } from '../support/app.js'
import { connect } from '../support/client.js'
import { startCollector } from '../support/collector.js'
import { prepareBuild, root, run, type Server, startServer } from '../support/process.js'
import { startRedis } from '../support/redis.js'
import { sign } from '../support/token.js'
import { hasTool } from '../support/tools.js'

const SERVER = 2
const CONSUMER = 5

t.before(prepareBuild)

const token = sign({ sub: 'service', scope: ALL_SCOPES })
const contents = 'contents of a notification'

const post = async ({ http }: Server, path: string, headers = {}) => {
  const response = await fetch(`${http}${path}?token=${token}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ notification_type: 'info', message: { title: contents } })
  })
  return await response.json() as { id: string }
}

const settings = (url: string) => ({ JWT_SECRET: SECRET, OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_BSP_SCHEDULE_DELAY: '100' })

t.test('a publish is followed from its POST to the write, in the trace of its caller; neither tokens nor contents are in it', async (t) => {
  const collector = await startCollector(t)
  const server = await startServer(t, { ...settings(collector.url), OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test' })
  const client = await connect(t, addressOf(server, 'ada'))
  await client.next()
  const traceId = 'c'.repeat(32)

  const { id } = await post(server, '/notify/ada', { traceparent: `00-${traceId}-${'d'.repeat(16)}-01` })
  await post(server, '/broadcast', { authorization: 'Bearer wrong' })

  const [request] = await collector.wait(/POST.*notify/, 1)
  const [delivery] = await collector.wait(/deliver/, 1)
  t.match(request, {
    service: 'herald',
    traceId,
    parentId: 'd'.repeat(16),
    kind: SERVER,
    name: 'POST /api/v1/ws/notify/:user_id',
    attributes: { 'http.route': '/api/v1/ws/notify/:user_id', 'url.path': '/api/v1/ws/notify/ada', 'http.response.status_code': 200 }
  })
  t.match(delivery, { traceId, parentId: request?.spanId, kind: CONSUMER, name: 'herald.deliver', attributes: { 'herald.notification.id': id, 'herald.notification.kind': 'personal', 'herald.connections': 1 } })
  t.strictSame(Object.keys(await client.next()).sort(), ['data', 'id', 'notification_type', 'timestamp', 'type'], 'nothing of it is in the frame')
  const [refused] = await collector.wait(/POST.*broadcast/, 1)
  const line = await server.stdout.match(/.*"msg":"refused".*/)
  t.equal(JSON.parse(line[0]).trace_id, refused?.traceId, 'the log has its trace')
  for (const secret of [contents, token, 'last_event_id']) t.notOk(collector.text().includes(secret))
  t.notOk(collector.spans.some(({ name }) => name.startsWith('GET')), 'a socket is no span')

  await post(server, '/notify/ben')
  server.kill('SIGTERM')
  t.strictSame(await server.exited, { code: 0, signal: null })
  t.equal(collector.spans.filter(({ name }) => name === 'herald.deliver').length, 2, 'what was not sent yet goes at the stop')
})

t.test('over Redis the trace goes on at every node that delivers', async (t) => {
  if (!hasTool(t, 'redis')) return
  const { url } = await startRedis(t)
  const collector = await startCollector(t)
  const nodes = await Promise.all(['one', 'two'].map((name) => startServer(t, { ...settings(collector.url), BROKER_URL: url, OTEL_SERVICE_NAME: name })))
  const clients = await Promise.all(nodes.map((node) => connect(t, addressOf(node, 'ada'))))
  for (const client of clients) await client.next()
  const [one] = nodes
  if (one === undefined) throw new Error('there is no node')

  await post(one, '/broadcast')

  const [request] = await collector.wait(/^POST/, 1)
  const deliveries = await collector.wait(/deliver/, 2)
  t.strictSame(deliveries.map(({ service }) => service).sort(), ['one', 'two'])
  for (const delivery of deliveries) t.match(delivery, { traceId: request?.traceId, parentId: request?.spanId, attributes: { 'herald.notification.kind': 'broadcast', 'herald.connections': 1 } })
  for (const client of clients) t.match(await client.next(), { type: 'notification', data: { title: contents } })
})

t.test('a collector that is not there hurts nobody, and is said in the log', async (t) => {
  const server = await startServer(t, { ...settings(`http://127.0.0.1:${await freePort()}`), DRAIN_SECONDS: '2', OTEL_EXPORTER_OTLP_TIMEOUT: '200' })
  const client = await connect(t, addressOf(server, 'ada'))
  await client.next()

  await post(server, '/notify/ada')
  t.match(await client.next(), { type: 'notification' })
  await server.stdout.match(/"msg":"traces: .*ECONNREFUSED/)
  t.match(await post(server, '/notify/ada'), { connections: 1 })

  const asked = Date.now()
  server.kill('SIGTERM')
  t.strictSame(await server.exited, { code: 0, signal: null })
  t.ok(Date.now() - asked < 2000)
})

t.test('without them nothing of OpenTelemetry is loaded but its interfaces, which prom-client brings', async (t) => {
  const script = `
    import { createRequire } from 'node:module'
    process.on('SIGTERM', () => {})
    const count = () => Object.keys(createRequire(${JSON.stringify(join(root, 'package.json'))}).cache).filter((file) => (file.includes('@opentelemetry/') && !file.includes('@opentelemetry/api/')) || file.includes('@fastify/otel')).length
    await import(${JSON.stringify(join(root, 'dist/src/server.js'))})
    setTimeout(() => { console.log('loaded: ' + count()); process.kill(process.pid, 'SIGTERM') }, 200)`
  const args = ['--input-type=module', '-e', script]

  t.match((await run(t, process.execPath, args, { PORT: '0' })).stdout, /^loaded: 0$/m)
  t.match((await run(t, process.execPath, args, { PORT: '0', OTEL_TRACES_EXPORTER: 'console' })).stdout, /^loaded: [1-9]/m)
})
