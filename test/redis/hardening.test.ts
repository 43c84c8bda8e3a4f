import { once } from 'node:events'
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from 'node:net'
import t from 'tap'
import { addressOf, build, SECRET, type Service } from '../support/app.js'
import { connect } from '../support/client.js'
import { prepareBuild, startServer } from '../support/process.js'
import { startRedis } from '../support/redis.js'
import { hasTool } from '../support/tools.js'
import { until } from '../support/wait.js'

if (!hasTool(t, 'redis')) process.exit()
t.before(prepareBuild)

const body = { notification_type: 'info', message: { title: 'Order 4711' } }

const statusOf = async ({ port }: Pick<Service, 'port'>) => (await fetch(`http://127.0.0.1:${port}/health/ready`)).status

t.test('Redis falls silent while a node begins anew: the node drops the connections and tries again', async (t) => {
  const redis = await startRedis(t)
  let silent: Socket[] | undefined = []
  const proxy = createServer((client) => {
    const server = connectTcp(redis.port, '127.0.0.1')
    client.on('error', () => {})
    server.on('error', () => {})
    client.on('data', (bytes) => {
      if (silent?.length === 0 && bytes.includes('LOAD')) silent.push(client)
      if (silent?.includes(client) !== true) server.write(bytes)
    })
    server.on('data', (bytes) => { if (silent?.includes(client) !== true) client.write(bytes) })
    client.on('close', () => { server.destroy() })
  })
  await once(proxy.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => { proxy.close() })

  const node = await build(t, { BROKER_URL: `redis://127.0.0.1:${(proxy.address() as AddressInfo).port}` })
  t.equal(silent.length, 1)
  t.equal(await statusOf(node), 503)
  await until(async () => await statusOf(node) === 200, 15_000)
  silent = undefined
})

t.test('a node that is told to stop does so, whatever Redis does', async (t) => {
  for (const signal of ['SIGSTOP', 'SIGKILL'] as const) {
    const redis = await startRedis(t)
    const node = await startServer(t, { BROKER_URL: redis.url, JWT_SECRET: SECRET })
    await until(async () => await statusOf(node) === 200, 5_000)
    redis.kill(signal)
    node.kill('SIGTERM')

    const started = performance.now()
    t.strictSame(await node.exited, { code: 0, signal: null }, signal)
    t.ok(performance.now() - started < 5_000)
  }
})

t.test('a node that stops at once, with sockets, says nothing of Redis', async (t) => {
  const redis = await startRedis(t)
  const lines: string[] = []
  const node = await build(t, { BROKER_URL: redis.url, DRAIN_SECONDS: 0 }, { write: (line: string) => { lines.push(line) } })
  const clients = await Promise.all(Array.from({ length: 50 }, async (_, i) => await connect(t, addressOf(node, `ada${i}`))))

  await node.app.close()

  for (const client of clients) t.match(await client.closed, { code: 1001 })
  t.strictSame(lines.filter((line) => JSON.parse(line).level > 30), [])
  t.equal(redis.cli('HLEN', 'herald:{all}:users'), '0')
})

t.test('who was idle for long, and missed nothing, keeps his socket when a connection to Redis breaks', async (t) => {
  const redis = await startRedis(t)
  const node = await build(t, { BROKER_URL: redis.url, RETENTION_SECONDS: 1 })
  const idle = await connect(t, addressOf(node, 'ada'))
  await idle.next()
  await node.post('/notify/ben', body)
  await until(() => redis.cli('HGET', 'herald:{all}:journal', 'floor') === '1', 10_000)

  redis.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await until(async () => await statusOf(node) === 503, 5_000).catch(() => {}) // It may be too short to be seen.
  await until(async () => await statusOf(node) === 200, 10_000)
  const { body: { id } } = await node.post('/notify/ada', body)

  t.equal((await idle.next()).id, id)
})

t.test('the log says why Redis cannot be used, and neither contents nor passwords', async (t) => {
  const redis = await startRedis(t, { args: ['--requirepass', 'right-password'] })
  const lines: string[] = []
  const log = { write: (line: string) => { lines.push(line) } }
  const wrong = await build(t, { BROKER_URL: `redis://:wrong-password@127.0.0.1:${redis.port}` }, log)
  t.equal(await statusOf(wrong), 503)
  t.match(lines.join(''), /WRONGPASS/)

  const beyond = await build(t, { BROKER_URL: `redis://:right-password@127.0.0.1:${redis.port}/99` }, log)
  t.equal(await statusOf(beyond), 503, 'there is no database 99')
  t.match(lines.join(''), /DB index is out of range/)

  const before = lines.length
  const right = await build(t, { BROKER_URL: `redis://:right-password@127.0.0.1:${redis.port}/3` }, log)
  t.equal(await statusOf(right), 200)
  t.notMatch(lines.slice(before).join(''), /kept again/)
  redis.cli('-a', 'right-password', 'CONFIG', 'SET', 'maxmemory', '1')
  t.equal((await right.post('/notify/ada', body)).status, 503)
  t.match(lines.join(''), /OOM/)
  t.notMatch(lines.join(''), /Order 4711|right-password|wrong-password/)
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

t.test('who comes before anything is kept again has an id to come back with', async (t) => {
  const redis = await startRedis(t)
  const node = await build(t, { BROKER_URL: redis.url, ALLOW_ANONYMOUS: true })

  for (let came = 0; came < 5;) {
    await until(async () => await statusOf(node) === 200, 10_000)
    redis.cli('FLUSHALL')
    const client = await connect(t, node.ws).catch(() => undefined) // The node may have noticed already.
    if (client === undefined) continue
    t.match((await client.next()).data, { last_event_id: /^[a-z\d]+-0$/ })
    came++
  }
})

t.test('many who come back from before all that is kept do not hold up Redis', async (t) => {
  const redis = await startRedis(t)
  const node = await build(t, { BROKER_URL: redis.url, MAX_CONNECTIONS_PER_USER: 0 })
  const broadcasts = 5_000
  for (let i = 0; i < broadcasts; i += 100) await Promise.all(Array.from({ length: 100 }, async () => await node.app.notifications.broadcast({ notificationType: 'info', data: { i } })))
  redis.cli('CONFIG', 'RESETSTAT')

  const clients = await Promise.all(Array.from({ length: 40 }, async (_, i) => await connect(t, `${addressOf(node, `user${i}`)}&last_event_id=x-1`)))
  for (const client of clients) t.match(await client.next(), { data: { resume: 'gap', replayed: broadcasts } })
  t.equal(await statusOf(node), 200)
  t.equal((await node.post('/notify/eve', body)).status, 200)
  await until(() => clients.every(({ frames }) => frames.length > broadcasts), 60_000)
  t.equal(await statusOf(node), 200)
})

t.test('a Redis that an older version has filled is refused, in words, and left as it is', async (t) => {
  const redis = await startRedis(t)
  redis.cli('HSET', 'herald:{all}:journal', 'epoch', 'old', 'seq', '7', 'run', 'another')

  const node = await build(t, { BROKER_URL: redis.url })

  const response = await fetch(`http://127.0.0.1:${node.port}/health/ready`)
  t.equal(response.status, 503)
  t.match(await response.text(), /its layout is an older one, and this version reads \d/)
  t.equal(redis.cli('HGET', 'herald:{all}:journal', 'seq'), '7')
  redis.cli('FLUSHDB')
  await until(async () => await statusOf(node) === 200, 10_000)
})

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
