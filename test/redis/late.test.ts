// What comes late, and clocks that are put back.
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { Calls } from '../../src/broker/redis/calls.js'
import { channelOf, functionName, PREFIX } from '../../src/broker/redis/library.js'
import { RedisCluster } from '../../src/broker/redis/redis-cluster.js'
import { addressOf, build } from '../support/app.js'
import { connect } from '../support/client.js'
import { startRedis } from '../support/redis.js'
import { isReady, stats } from '../support/rest.js'
import { hasTool } from '../support/tools.js'
import { turn } from '../support/turn.js'
import { until } from '../support/wait.js'

if (!hasTool(t, 'redis')) process.exit()

const HOUR_MS = 3_600_000
const notification = { notification_type: 'info', message: {} }

async function setUp (t: Test, settings = {}) {
  const redis = await startRedis(t)
  const service = await build(t, { BROKER_URL: redis.url, ...settings })
  return {
    redis,
    service,
    node: redis.cli('ZRANGE', `${PREFIX}nodes`, '0', '-1'),
    call: (name: string, ...args: string[]) => redis.cli('FCALL', functionName(name), '1', `${PREFIX}journal`, ...args)
  }
}

t.test('what a connection that was cut has told of a user, and comes behind what the next one has, is passed over', async (t) => {
  const { redis, service, node, call } = await setUp(t)
  const ada = await connect(t, addressOf(service, 'ada'))
  await ada.next()
  const session = redis.cli('HGET', `${PREFIX}sessions`, node)
  redis.cli('CLIENT', 'KILL', 'TYPE', 'normal')
  await until(async () => redis.cli('HGET', `${PREFIX}sessions`, node) !== session && await isReady(service), 10_000)

  t.equal(call('presence', node, session, '0', 'ada', '0', ''), '0')

  t.match(await service.post('/notify/ada', notification), { status: 200, body: { connections: 1 } })
  t.match(await stats(service), { total_connections: 1, users_count: 1 })
})

t.test('where the connection that a node has listened on before is still there, a call does not wait for two answers', async (t) => {
  const { redis, service, node } = await setUp(t)
  const before = new Redis(redis.url)
  t.teardown(() => { before.disconnect() })
  await before.subscribe(channelOf(node))
  const ada = await connect(t, addressOf(service, 'ada'))
  await ada.next()

  const started = performance.now()
  for (let i = 0; i < 5; i++) t.match(await service.post('/notify/ada', notification), { status: 200, body: { connections: 1 } })
  t.ok(performance.now() - started < 2000, 'each of them waited for half a second and more')
})

t.test('while Redis cannot be reached, what closes is noted, and told when it is there', async (t) => {
  const told: string[] = []
  const link = { ready: false, call: async (_name: string, ...args: Array<string | number | Buffer>) => told.push(args.join()), forgotten: () => {} }
  const cluster = new RedisCluster('node', link, new Calls())
  for (let i = 0; i < 3; i++) {
    cluster.changed(`user-${i}`)
    await turn()
  }
  t.strictSame(told, [])

  link.ready = true
  cluster.retry()
  await turn()

  t.strictSame(told, ['node,0,0,user-0,1,,user-1,1,,user-2,1,'])
})

t.test('who has waited for an outcome in vain does not put out the one that has come meanwhile', async (t) => {
  const { redis, service, call } = await setUp(t)
  const ada = await connect(t, addressOf(service, 'ada'))
  await ada.next()
  await service.post('/notify/ada', notification, { 'Idempotency-Key': 'order-1' })
  const key = redis.cli('--scan', '--pattern', `${PREFIX}k:*`).slice(`${PREFIX}k:`.length)

  call('keep_outcome', key, '0', '0')

  t.equal(call('outcome', key), '1\n1')
})

t.test('the clock of Redis is put back: nobody is refused for it, and a node that is gone does not stay', async (t) => {
  const { redis, call, node } = await setUp(t)
  const later = String(Date.now() + HOUR_MS)

  redis.cli('SET', `${PREFIX}connects:192.0.2.1`, later, 'PX', String(HOUR_MS))
  t.equal(call('connect', '192.0.2.1', '10', '1'), '1')

  call('hello', 'ghost', '', '', '0', '0', '1')
  redis.cli('ZADD', `${PREFIX}nodes`, later, 'ghost')
  call('sweep', String(Date.now()), String(HOUR_MS), node)
  t.ok(Number(redis.cli('ZSCORE', `${PREFIX}nodes`, 'ghost')) <= Date.now())
})
