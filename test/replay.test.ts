import t, { type Test } from 'tap'
import { addressOf, build } from './support/app.js'
import { connect } from './support/client.js'
import { startRedis } from './support/redis.js'
import { hasTool } from './support/tools.js'
import { until } from './support/wait.js'

const MISSED = 200

async function tellsOfGap (t: Test, url: string): Promise<void> {
  const service = await build(t, { BROKER_URL: url })
  const { app } = service
  const send = async (data: object, ttl?: number) => await app.notifications.sendToUser('ada', { notificationType: 'info', data, ...(ttl !== undefined && { ttl }) })
  const { id: first } = await send({})
  for (let i = 0; i < MISSED; i++) await send({ text: 'x'.repeat(50_000) })
  const client = await connect(t, `${addressOf(service, 'ada')}&last_event_id=${first}`)
  t.match((await client.next()).data, { resume: 'caught_up', replayed: MISSED })
  client.socket.pause()

  const { id: ends } = await send({}, 1)
  const { id: stays } = await send({})
  await until(async () => (await app.heraldBroker.replay('ada', ends.replace(/\d+$/, (seq) => String(Number(seq) - 1)))).gap, 5000)
  client.socket.resume()
  const { id: last } = await send({})
  while ((await client.nextOf('notification')).id !== last);

  const frames = client.frames.map(({ type, id, data }) => id ?? `${type} ${String(data['resume'])}`)
  t.strictSame(frames.filter((frame) => frame.startsWith('connection_status')), ['connection_status caught_up', 'connection_status gap'])
  t.equal(frames.length, 2 + MISSED + 2)
  t.ok(frames.includes(stays))
  t.notOk(frames.includes(ends))
  t.ok(frames.indexOf('connection_status gap') < frames.indexOf(stays))
}

t.test('who is sent what he has missed is told of what ends meanwhile, and keeps his socket', async (t) => {
  await t.test('alone', async (t) => { await tellsOfGap(t, 'memory:') })
  if (hasTool(t, 'redis')) await t.test('with Redis', async (t) => { await tellsOfGap(t, (await startRedis(t)).url) })
})

t.test('who comes back while more is sent than is kept gets on, and is not told again and again', async (t) => {
  const service = await build(t, { BROKER_URL: 'memory:', RETENTION_PER_USER: 1 })
  const send = async () => await service.app.notifications.sendToUser('ada', { notificationType: 'info', data: {} })
  const { id: first } = await send()
  const over = new AbortController()
  const sending = (async () => { while (!over.signal.aborted) await Promise.all([send(), send()]) })()

  const client = await connect(t, `${addressOf(service, 'ada')}&last_event_id=${first}`)
  for (let i = 0; i < 500; i++) await client.nextOf('notification')
  over.abort()
  await sending

  const told = client.frames.filter(({ type }) => type === 'connection_status').length
  t.ok(told <= 3, `${told} times`)
})
