import { Redis } from 'ioredis'
import t from 'tap'
import { functionName, PREFIX } from '../../src/broker/redis/library.js'
import { build } from '../support/app.js'
import { type RedisServer, startRedis } from '../support/redis.js'
import { hasTool } from '../support/tools.js'
import { until } from '../support/wait.js'

if (!hasTool(t, 'redis')) process.exit()

/** So many that one look at the table does not go through it. */
const USERS = Array.from({ length: 20_000 }, (_, i) => `user${i}`)

const call = ({ cli }: RedisServer, name: string, ...args: string[]): string => cli('FCALL', functionName(name), '1', `${PREFIX}journal`, ...args)

t.test('a node that is taken for dead hears of nothing from then on, also while its users are still being removed', async (t) => {
  const redis = await startRedis(t)
  const node = await build(t, { BROKER_URL: redis.url })
  const ghost = new Redis(redis.url)
  t.teardown(() => { ghost.disconnect() })
  const heard: string[] = []
  ghost.on('message', (_channel, message) => { heard.push(message) })
  await ghost.subscribe(`${PREFIX}to:ghost`)
  call(redis, 'hello', 'ghost', 'epoch', '', '0', '0', '1')
  for (let i = 0; i < USERS.length; i += 500) call(redis, 'presence', 'ghost', '1', String(USERS.length), ...USERS.slice(i, i + 500).flatMap((user) => [user, '1', '']))

  redis.cli('ZADD', `${PREFIX}nodes`, '1', 'ghost')
  const left = () => Number(redis.cli('HLEN', `${PREFIX}of:ghost`))
  await until(() => left() < USERS.length, 20_000)
  const others = redis.cli('HKEYS', `${PREFIX}of:ghost`).split('\n').slice(0, 100)
  const sent = await Promise.all([
    ...others.map(async (user) => await node.app.notifications.sendToUser(user, { notificationType: 'info', data: {} })),
    node.app.notifications.broadcast({ notificationType: 'info', data: {} })
  ])

  t.equal(others.length, 100)
  for (const outcome of sent) t.match(outcome, { connections: 0 })
  await until(() => left() === 0, 20_000)
  t.strictSame(heard, [])
  await until(() => redis.cli('ZSCORE', `${PREFIX}nodes`, 'ghost') === '', 20_000)
  t.equal(redis.cli('EXISTS', `${PREFIX}users`), '0')
  t.equal(redis.cli('HEXISTS', `${PREFIX}totals`, 'ghost'), '0')
})
