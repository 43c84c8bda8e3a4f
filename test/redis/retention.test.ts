import t from 'tap'
import { functionName, PREFIX } from '../../src/broker/redis/library.js'
import { build } from '../support/app.js'
import { startRedis } from '../support/redis.js'
import { hasTool } from '../support/tools.js'
import { until } from '../support/wait.js'

if (!hasTool(t, 'redis')) process.exit()

const DAY_MS = '86400000'

t.test('whatever is kept goes when its time is over, however much comes, and nothing is left of it', async (t) => {
  const redis = await startRedis(t)
  const node = await build(t, { BROKER_URL: redis.url, RETENTION_SECONDS: 3 })
  const { notifications } = node.app
  await Promise.all(Array.from({ length: 600 }, async (_, i) => await notifications.broadcast({ notificationType: 'info', data: { i } })))
  t.equal(redis.cli('ZCARD', 'herald:{all}:n:'), '600')

  await until(() => redis.cli('ZCARD', 'herald:{all}:n:') === '0', 5_000)
  await until(() => redis.cli('EXISTS', 'herald:{all}:oldest', 'herald:{all}:expiry', 'herald:{all}:gone') === '0', 5_000)
})

t.test('of notifications with a time of their own that others have crowded out nothing is left', async (t) => {
  const redis = await startRedis(t)
  const node = await build(t, { BROKER_URL: redis.url, RETENTION_PER_USER: 5 })

  for (let i = 0; i < 20; i++) await node.app.notifications.sendToUser('ada', { notificationType: 'info', data: { i }, ttl: 3600 })

  t.equal(redis.cli('ZCARD', 'herald:{all}:n:ada'), '5')
  t.equal(redis.cli('ZCARD', 'herald:{all}:expiry'), '5')
})

t.test('another RETENTION_SECONDS holds for what is kept already, but never beyond a time of its own', async (t) => {
  const redis = await startRedis(t)
  const kept = () => redis.cli('ZCARD', 'herald:{all}:n:')
  const before = await build(t, { BROKER_URL: redis.url, RETENTION_SECONDS: 2 })
  await before.app.notifications.broadcast({ notificationType: 'info', data: {}, ttl: 3 })
  await before.app.close()

  const longer = await build(t, { BROKER_URL: redis.url, RETENTION_SECONDS: 86_400 })
  await longer.app.notifications.broadcast({ notificationType: 'info', data: {} })
  await until(() => kept() === '1', 6_000)
  await longer.app.close()

  await build(t, { BROKER_URL: redis.url, RETENTION_SECONDS: 1 })
  await until(() => kept() === '0', 4_000)
})

t.test('what is over a limit is removed together, and nobody who comes back sees it', async (t) => {
  const redis = await startRedis(t)
  const { app } = await build(t, { BROKER_URL: redis.url, RETENTION_PER_USER: 8, RETENTION_BROADCAST: 8 })
  const send = async () => {
    const { id } = await app.notifications.sendToUser('ada', { notificationType: 'info', data: {} })
    return [id, (await app.notifications.broadcast({ notificationType: 'info', data: {} })).id]
  }
  const kept = () => ['ada', ''].map((audience) => Number(redis.cli('ZCARD', `${PREFIX}n:${audience}`)))
  const ids: string[] = []
  while (ids.length < 20) ids.push(...await send())
  t.strictSame(kept(), [10, 10])

  redis.cli('FCALL', functionName('hello'), '1', `${PREFIX}journal`, 'node', '', '', '0', '0', '1')

  // Two of hers are gone, and two of everybody's.
  for (const [index, expected] of [['1', '16'], ['1', '16'], ['1', '16'], ['0', '16'], ['0', '15']].entries()) {
    const [epoch = '', after = ''] = ids[index]?.split('-') ?? []
    const [, , gap, count] = redis.cli('FCALL', functionName('survey'), '1', `${PREFIX}journal`, 'node', 'ada', String(Date.now()), DAY_MS, '8', '8', epoch, after).split('\n')
    t.strictSame([gap, count], expected, `after ${index}`)
  }
  t.strictSame(kept(), [8, 8])

  const counts: number[] = []
  for (let i = 0; i < 6; i++) {
    await send()
    counts.push(...kept())
  }
  t.strictSame(counts, [9, 9, 10, 10, 8, 8, 9, 9, 10, 10, 8, 8])
})

t.test('of what is over a large limit no more than twenty wait', async (t) => {
  const redis = await startRedis(t)
  const { app } = await build(t, { BROKER_URL: redis.url, RETENTION_PER_USER: 100 })
  const send = async (count: number) => {
    await Promise.all(Array.from({ length: count }, async () => await app.notifications.sendToUser('ada', { notificationType: 'info', data: {} })))
    return redis.cli('ZCARD', `${PREFIX}n:ada`)
  }

  t.equal(await send(120), '120')
  t.equal(await send(1), '100')
})

t.test('what was over a limit does not come back when something else has ended before its time', async (t) => {
  const redis = await startRedis(t)
  const { app } = await build(t, { BROKER_URL: redis.url, RETENTION_BROADCAST: 4 })
  const kept = () => redis.cli('ZCARD', `${PREFIX}n:`)
  const send = async (more: { ttl?: number } = {}) => await app.notifications.broadcast({ notificationType: 'info', data: {}, ...more })
  for (let i = 0; i < 5; i++) await send()
  t.equal(kept(), '5')

  await send({ ttl: 1 })
  await send()
  t.equal(kept(), '4')

  await until(() => kept() === '3', 5_000)
})
