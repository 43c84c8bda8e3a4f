import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fastify } from 'fastify'
import t, { type Test } from 'tap'
import herald, { createApp, type HeraldOptions } from '../../src/app.js'
import { readConfig } from '../../src/config.js'
import { addressOf, ALL_SCOPES, build, SECRET } from '../support/app.js'
import { connect, refusal } from '../support/client.js'
import { Scrape, scrape } from '../support/metrics.js'
import { sign } from '../support/token.js'
import { hasTool } from '../support/tools.js'
import { until } from '../support/wait.js'

const body = { notification_type: 'a-type-of-his-own', message: {} }

async function buildScraped (t: Test, settings: HeraldOptions = {}) {
  const service = await build(t, settings)
  return { ...service, scrape: async () => await scrape(`http://127.0.0.1:${service.port}`) }
}

t.test('without a key anyone may read the metrics, and they are as promtool wants them', async (t) => {
  const app = createApp(readConfig({ BROKER_URL: 'memory:' }))
  t.teardown(() => app.close())
  await app.listen({ host: '127.0.0.1', port: 0 })

  const response = await fetch(`${app.listeningOrigin}/metrics`)
  const text = await response.text()

  t.equal(response.status, 200)
  t.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  t.match(text, /^process_open_fds [1-9]\d*$/m)
  for (const outcome of ['journal_unavailable', 'internal_error']) t.match(text, `herald_notifications_total{kind="notify",outcome="${outcome}"} 0`, 'its first time is an increase')
  if (!hasTool(t, 'promtool')) return
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
  t.strictSame({ status, said: stdout + stderr }, { status: 0, said: '' })
})

t.test('each metric of a service with a journal moves with what it is named for', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'herald-metrics-'))
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  const service = await buildScraped(t, { BROKER_URL: `file:${folder}`, ALLOW_ANONYMOUS: true, MAX_BODY_BYTES: 1_000_000 })
  const first = await service.scrape()
  const moved = new Set<string>()
  const look = async () => {
    const now = await service.scrape()
    for (const name of now.movedSince(first)) moved.add(name)
    return now
  }

  await refusal(`${service.ws}/ada`)
  const ada = await connect(t, addressOf(service, 'ada'))
  const { data: { last_event_id: newest } } = await ada.next()
  const anonymous = await connect(t, service.ws)
  await anonymous.next()
  ada.send({ type: 'ping' })
  await ada.nextOf('pong')
  await service.post('/notify/ada', body, { 'idempotency-key': 'a' })
  await service.post('/notify/ada', body, { 'idempotency-key': 'a' })
  await service.post('/broadcast', body)
  await anonymous.nextOf('notification')
  const back = await connect(t, `${addressOf(service, 'ada')}&last_event_id=${String(newest)}`)
  await back.nextOf('notification')
  await back.nextOf('notification')
  const lost = await connect(t, `${addressOf(service, 'ada')}&last_event_id=nonsense`)
  await lost.next()
  const open = await look()
  anonymous.socket.pause()
  while ((await look()).value('herald_closes_total{code="4001",reason="slow_consumer"}') === 0) {
    await service.post('/broadcast', { ...body, message: { text: 'x'.repeat(500_000) } })
  }
  service.app.connections.stop(1, 0).step(1)
  const stopping = new Scrape((await service.app.inject({ url: '/metrics', headers: { authorization: `Bearer ${sign({ scope: ALL_SCOPES })}` } })).payload)
  for (const name of stopping.movedSince(first)) moved.add(name)
  anonymous.socket.terminate()

  t.strictSame(open.names.filter((name) => name.startsWith('herald_') && !moved.has(name)), [])
  t.match(values(open, [
    'herald_ready', 'herald_draining', 'herald_users',
    'herald_connections{kind="user"}', 'herald_connections{kind="anonymous"}',
    'herald_connects_total{kind="user"}', 'herald_connects_total{kind="anonymous"}',
    'herald_refusals_total{kind="upgrade",code="token_required"}',
    'herald_notifications_total{kind="notify",outcome="sent"}', 'herald_notifications_total{kind="notify",outcome="repeated"}', 'herald_notifications_total{kind="broadcast",outcome="sent"}',
    'herald_deliveries_total{kind="notify"}', 'herald_deliveries_total{kind="broadcast"}',
    'herald_publish_duration_seconds_count{kind="notify"}', 'herald_delivery_duration_seconds_count{kind="broadcast"}', 'herald_journal_commit_duration_seconds_count',
    'herald_http_request_duration_seconds_count{method="POST",route="/api/v1/ws/notify/:user_id",status="200"}',
    'herald_http_request_duration_seconds_count{method="GET",route="/api/v1/ws/:user_id",status="401"}',
    'herald_resumes_total{resume="none"}', 'herald_resumes_total{resume="caught_up"}', 'herald_resumes_total{resume="gap"}'
  ]), [
    1, 0, 1,
    3, 1,
    3, 1,
    1,
    1, 1, 1,
    1, 2,
    1, 1, 2,
    2,
    1,
    2, 1, 1
  ])
  t.strictSame(values(stopping, ['herald_ready', 'herald_draining', 'herald_closes_total{code="1001",reason="shutting_down"}']), [0, 1, 3])
})

t.test('what went over sockets that are closed is still counted, and no counter goes back', async (t) => {
  const service = await buildScraped(t, { MESSAGE_RATE: 0 })
  const names = ['herald_received_frames_total', 'herald_sent_frames_total', 'herald_received_bytes_total', 'herald_sent_bytes_total']
  const clients = await Promise.all(['ada', 'ben', 'eve'].map(async (userId) => await connect(t, addressOf(service, userId))))
  for (const client of clients) {
    for (let i = 0; i < 5; i++) client.send({ type: 'ping' })
    for (let i = 0; i < 6; i++) await client.next()
  }

  const open = values(await service.scrape(), names)
  const [ada, ben, eve] = clients
  ada?.socket.terminate()
  ben?.socket.close(1000)
  eve?.send({ type: 'disconnect' })
  await until(() => service.app.connections.getTotalConnectionsCount() === 0, 10_000)
  const closed = values(await service.scrape(), names)

  t.strictSame(open.slice(0, 2), [15, 18])
  t.strictSame(closed.slice(0, 2), [16, 18])
  for (const [i, name] of names.entries()) t.ok((closed[i] ?? 0) >= (open[i] ?? Infinity), `${name}: ${String(open[i])}, then ${String(closed[i])}`)
  t.ok((closed[3] ?? 0) - (open[3] ?? 0) < 200, 'what was sent at the end is a close frame or two')
})

t.test('a socket that has ended before its first frame has resumed nothing', async (t) => {
  const service = await buildScraped(t)
  const { heraldBroker: broker, connections } = service.app
  const { replay } = broker
  broker.replay = async (userId, lastEventId) => {
    await connections.disconnectUser('ada')
    return await replay.call(broker, userId, lastEventId)
  }
  const client = await connect(t, `${addressOf(service, 'ada')}&last_event_id=nonsense`)

  t.match(await client.closed, { code: 4503 })

  t.strictSame(values(await service.scrape(), ['none', 'caught_up', 'gap'].map((resume) => `herald_resumes_total{resume="${resume}"}`)), [0, 0, 0])
})

t.test('what a stranger sends makes no label', async (t) => {
  const service = await buildScraped(t)
  const before = await service.scrape()
  for (const code of [4001, 4777, 3000]) {
    const client = await connect(t, addressOf(service, 'user-of-this-name'))
    client.socket.close(code, 'slow_consumer')
    await client.closed
  }
  await service.post('/notify/user-of-this-name', body)
  await service.post('/nowhere/of-this-name', body)

  const after = await service.scrape()

  t.equal(after.value('herald_closes_total{code="other",reason="peer"}'), 3)
  t.equal(after.value('herald_closes_total{code="4001",reason="slow_consumer"}'), before.value('herald_closes_total{code="4001",reason="slow_consumer"}'))
  t.equal(after.value('herald_http_request_duration_seconds_count{method="POST",route="/api/v1/ws/*",status="404"}'), 1)
  t.notMatch(after.text, /of-this-name|of-his-own|="(4777|3000)"/)
})

t.test('a publish that fails is counted by its code', async (t) => {
  const service = await buildScraped(t)
  await service.post('/broadcast', body, { 'idempotency-key': 'a' })
  await service.post('/broadcast', { ...body, message: { other: true } }, { 'idempotency-key': 'a' })

  const { value } = await service.scrape().then((now) => ({ value: now.value.bind(now) }))

  t.equal(value('herald_notifications_total{kind="broadcast",outcome="idempotency_mismatch"}'), 1)
  t.equal(value('herald_refusals_total{kind="request",code="idempotency_mismatch"}'), 1)
  t.equal(value('herald_publish_duration_seconds_count{kind="broadcast"}'), 1)
})

t.test('two services in one application count for themselves, and leave /metrics to it', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(herald, { BROKER_URL: 'memory:', JWT_SECRET: SECRET })
  const other = fastify()
  t.teardown(() => other.close())
  await other.register(herald, { BROKER_URL: 'memory:', JWT_SECRET: SECRET })
  await Promise.all([app.ready(), other.ready()])

  await app.notifications.broadcast({ notificationType: 'info', data: {} })

  const [own, others] = await Promise.all([app, other].map(async ({ heraldMetrics }) => new Scrape(await heraldMetrics.registry.metrics())))
  t.equal(own?.value('herald_notifications_total{kind="broadcast",outcome="sent"}'), 1)
  t.equal(others?.value('herald_notifications_total{kind="broadcast",outcome="sent"}'), 0)
  t.strictSame(own?.names.filter((name) => !name.startsWith('herald_')), [], 'what is of the process is the application\'s own affair')
  t.equal((await app.inject('/metrics')).statusCode, 404)
})

const values = (from: Scrape, samples: string[]): number[] => samples.map((sample) => from.value(sample))
