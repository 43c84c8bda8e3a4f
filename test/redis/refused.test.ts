import t from 'tap'
import { addressOf, build } from '../support/app.js'
import { connect } from '../support/client.js'
import { startRedis } from '../support/redis.js'
import { hasTool } from '../support/tools.js'
import { until } from '../support/wait.js'

if (!hasTool(t, 'redis')) process.exit()

const body = { notification_type: 'info', message: { title: 'Order 4711' } }

t.test('a notification that cannot be kept takes none down with it that comes in the same turn, and its key is free', async (t) => {
  const redis = await startRedis(t)
  const node = await build(t, { BROKER_URL: redis.url })
  redis.cli('SET', 'herald:{all}:n:ann', 'of another kind')
  const idempotent = { 'idempotency-key': 'order-4711' }

  const [ann, ben] = await Promise.all([node.post('/notify/ann', body, idempotent), node.post('/notify/ben', body, idempotent)])
  t.strictSame([ann.status, ben.status], [503, 200])

  redis.cli('DEL', 'herald:{all}:n:ann')
  t.match(await node.post('/notify/ann', body, idempotent), { status: 200, body: { stored: true } })
  t.equal(redis.cli('ZCARD', 'herald:{all}:n:ann'), '1')
})

t.test('beside a notification that cannot be kept, another has the id that it is kept by', async (t) => {
  const redis = await startRedis(t)
  const { app: { notifications } } = await build(t, { BROKER_URL: redis.url })
  redis.cli('SET', 'herald:{all}:n:ann', 'of another kind')

  const send = async (user: string) => await notifications.sendToUser(user, { notificationType: 'info', data: {} })
  const ann = t.rejects(send('ann'), { code: 'journal_unavailable' })
  const { id } = await send('ben')
  await ann
  t.equal(id.split('-')[1], redis.cli('ZRANGE', 'herald:{all}:n:ben', '0', '-1', 'WITHSCORES').split('\n').at(-1))
})

t.test('who has missed what cannot be read is closed with 1011, and nobody else waits for that', async (t) => {
  const redis = await startRedis(t)
  const node = await build(t, { BROKER_URL: redis.url })
  const { body: { id } } = await node.post('/notify/ben', body)
  redis.cli('SET', 'herald:{all}:n:ann', 'of another kind')

  const ann = await connect(t, addressOf(node, 'ann'))
  t.match(await ann.next(), { data: { resume: 'none' } })
  const back = await connect(t, `${addressOf(node, 'ann')}&last_event_id=${String(id)}`)
  redis.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')

  t.equal((await ann.closed).code, 1011)
  t.equal((await back.closed).code, 1011)
  const ben = await connect(t, `${addressOf(node, 'ben')}&last_event_id=${String(id)}`)
  t.match(await ben.next(), { data: { resume: 'caught_up' } })
})

t.test('a socket that closes while Redis refuses to be told is not counted afterwards', async (t) => {
  const redis = await startRedis(t)
  const node = await build(t, { BROKER_URL: redis.url })
  const ghost = await connect(t, addressOf(node, 'ghost'))
  await ghost.next()
  redis.cli('CONFIG', 'SET', 'min-replicas-to-write', '1')
  ghost.socket.close()
  await ghost.closed
  await until(() => redis.cli('HGET', 'herald:{all}:totals', redis.cli('ZRANGE', 'herald:{all}:nodes', '0', '0')) === '1', 1_000)
  redis.cli('CONFIG', 'SET', 'min-replicas-to-write', '0')

  await until(() => redis.cli('HLEN', 'herald:{all}:users') === '0', 10_000)
  t.equal(redis.cli('HGET', 'herald:{all}:totals', redis.cli('ZRANGE', 'herald:{all}:nodes', '0', '0')), '0')
})
