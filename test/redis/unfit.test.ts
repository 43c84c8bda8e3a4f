import t from 'tap'
import { build } from '../support/app.js'
import { startRedis } from '../support/redis.js'
import { isReady, readiness } from '../support/rest.js'
import { hasTool } from '../support/tools.js'
import { until } from '../support/wait.js'

if (!hasTool(t, 'redis')) process.exit()

const body = { notification_type: 'info', message: { title: 'Order 4711' } }

t.test('the log says why Redis cannot be used, and neither contents nor passwords', async (t) => {
  const redis = await startRedis(t, { args: ['--requirepass', 'right-password'] })
  const lines: string[] = []
  const log = { write: (line: string) => { lines.push(line) } }
  const wrong = await build(t, { BROKER_URL: `redis://:wrong-password@127.0.0.1:${redis.port}` }, log)
  t.notOk(await isReady(wrong))
  t.match(lines.join(''), /WRONGPASS/)

  const beyond = await build(t, { BROKER_URL: `redis://:right-password@127.0.0.1:${redis.port}/99` }, log)
  t.notOk(await isReady(beyond), 'there is no database 99')
  t.match(lines.join(''), /DB index is out of range/)

  const before = lines.length
  const right = await build(t, { BROKER_URL: `redis://:right-password@127.0.0.1:${redis.port}/3` }, log)
  t.ok(await isReady(right))
  t.notMatch(lines.slice(before).join(''), /kept again/)
  redis.cli('-a', 'right-password', 'CONFIG', 'SET', 'maxmemory', '1')
  t.equal((await right.post('/notify/ada', body)).status, 503)
  t.match(lines.join(''), /OOM/)
  t.notMatch(lines.join(''), /Order 4711|right-password|wrong-password/)
})

t.test('a Redis that an older version has filled is refused, in words, and left as it is', async (t) => {
  const redis = await startRedis(t)
  redis.cli('HSET', 'herald:{all}:journal', 'epoch', 'old', 'seq', '7', 'run', 'another')

  const node = await build(t, { BROKER_URL: redis.url })

  t.match(await readiness(node), { status: 503, body: { detail: /its layout is an older one, and this version reads \d/ } })
  t.equal(redis.cli('HGET', 'herald:{all}:journal', 'seq'), '7')
  redis.cli('FLUSHDB')
  await until(() => isReady(node), 10_000)
})

t.test('a Redis that may evict what is kept is warned of', async (t) => {
  const redis = await startRedis(t)
  for (const [maxmemory, policy, warned] of [['0', 'allkeys-lru', false], ['100mb', 'noeviction', false], ['100mb', 'volatile-lru', true]] as const) {
    redis.cli('CONFIG', 'SET', 'maxmemory', maxmemory)
    redis.cli('CONFIG', 'SET', 'maxmemory-policy', policy)
    const lines: string[] = []
    const node = await build(t, { BROKER_URL: redis.url }, { write: (line: string) => { lines.push(line) } })
    const warning = () => lines.some((line) => line.includes(`set its maxmemory-policy to noeviction; it is ${policy}`))

    if (warned) await until(warning, 5_000)
    else await node.post('/notify/ada', { notification_type: 'info', message: {} })
    t.equal(warning(), warned, `${maxmemory}, ${policy}`)
  }
})
