import t, { type Test } from 'tap'
import { addressOf, build, SECRET, type Service } from '../support/app.js'
import { type Client, connect, refusal } from '../support/client.js'
import { prepareBuild, startServer } from '../support/process.js'
import { type RedisServer, startRedis } from '../support/redis.js'
import { isReady, readiness } from '../support/rest.js'
import { hasTool } from '../support/tools.js'
import { until } from '../support/wait.js'

if (!hasTool(t, 'redis')) process.exit()
t.before(prepareBuild)

const body = { notification_type: 'info', message: { title: 'Order 4711' } }
const RED_MS = 5_000
const GREEN_MS = 10_000

/** Two nodes, and a client of `ada` at each. */
async function cluster (t: Test, options: Parameters<typeof startRedis>[1] = {}) {
  const redis = await startRedis(t, options)
  const nodes = [await build(t, { BROKER_URL: redis.url }), await build(t, { BROKER_URL: redis.url })] as const
  const clients = [await connect(t, addressOf(nodes[0], 'ada')), await connect(t, addressOf(nodes[1], 'ada'))] as const
  for (const client of clients) await client.next()
  return { redis, nodes, clients }
}

const idsOf = ({ frames }: Client) => frames.filter(({ type }) => type === 'notification').map(({ id }) => id)

/** A POST, and the milliseconds to its answer. */
async function timed (service: Service, path = '/notify/ada') {
  const started = performance.now()
  const { status, body: answer } = await service.post(path, body)
  return { status, id: answer['id'] as string, ms: performance.now() - started }
}

async function checkAllThere (t: Test, clients: readonly Client[], ids: string[]): Promise<void> {
  for (const client of clients) {
    await until(() => idsOf(client).length >= ids.length, GREEN_MS)
    t.strictSame(idsOf(client), ids)
    t.equal(client.socket.readyState, 1, 'its socket is still open')
  }
}

t.test('Redis stops: POST is refused within two seconds, sockets stay open, and all goes on when it does', async (t) => {
  const { redis, nodes, clients } = await cluster(t)
  const before = await timed(nodes[0])
  redis.kill('SIGSTOP')

  const refused = await timed(nodes[0])
  t.match(refused, { status: 503 })
  t.ok(refused.ms < 2_000, `${refused.ms} ms`)
  for (const node of nodes) await until(async () => !await isReady(node), RED_MS)
  t.match(await readiness(nodes[0]), { body: { detail: /Redis/ } })
  t.ok((await timed(nodes[1])).ms < 500, 'from then on at once')
  t.match(await refusal(addressOf(nodes[0], 'ben')), { status: 503 })
  t.equal((await fetch(`http://127.0.0.1:${nodes[0].port}/health/live`)).status, 200)

  redis.kill('SIGCONT')
  for (const node of nodes) await until(() => isReady(node), GREEN_MS)
  const after = await timed(nodes[1])
  t.equal(after.status, 200)
  await checkAllThere(t, clients, [before.id, after.id]) // And not what was refused.
})

t.test('Redis is killed and started again with its file: nothing is lost', async (t) => {
  const folder = t.testdir()
  const { redis, nodes, clients } = await cluster(t, { folder })
  const before = await timed(nodes[0])
  redis.kill('SIGKILL')
  await redis.exited

  t.match(await timed(nodes[0]), { status: 503 })
  for (const node of nodes) await until(async () => !await isReady(node), RED_MS)
  await startRedis(t, { folder, port: redis.port })
  for (const node of nodes) await until(() => isReady(node), GREEN_MS)
  const after = await timed(nodes[1])

  await checkAllThere(t, clients, [before.id, after.id])
  const back = await connect(t, `${addressOf(nodes[1], 'ada')}&last_event_id=${before.id}`)
  t.match(await back.next(), { data: { resume: 'caught_up', replayed: 1, total_connections: 3 } })
})

t.test('Redis starts again empty: another epoch, and who comes back is told of a gap', async (t) => {
  const { redis, nodes, clients } = await cluster(t)
  const before = await timed(nodes[0])
  await checkAllThere(t, clients, [before.id])
  redis.kill('SIGKILL')
  await redis.exited
  for (const node of nodes) await until(async () => !await isReady(node), RED_MS)
  await startRedis(t, { port: redis.port })
  for (const node of nodes) await until(() => isReady(node), GREEN_MS)

  const after = [await timed(nodes[1]), await timed(nodes[0], '/broadcast')]

  await checkAllThere(t, clients, [before, ...after].map(({ id }) => id))
  t.not(after[0]?.id.split('-')[0], before.id.split('-')[0])
  const back = await connect(t, `${addressOf(nodes[1], 'ada')}&last_event_id=${before.id}`)
  t.match(await back.next(), { data: { resume: 'gap', replayed: 2 } })
  const current = await connect(t, `${addressOf(nodes[1], 'ada')}&last_event_id=${after[0]?.id}`)
  t.match(await current.next(), { data: { resume: 'caught_up', replayed: 1 } })
})

t.test('only the connections that publishing comes in by are cut: what was missed meanwhile is delivered, once, in order', async (t) => {
  const { redis, nodes, clients } = await cluster(t)
  const ids: string[] = []
  for (let round = 0; round < 10; round++) {
    redis.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
    for (let i = 0; i < 10; i++) {
      const { status, id } = await timed(nodes[i % 2] ?? nodes[0], i % 3 === 0 ? '/broadcast' : '/notify/ada')
      if (status === 200) ids.push(id)
    }
  }
  for (const node of nodes) await until(() => isReady(node), GREEN_MS)
  const last = await timed(nodes[0])
  ids.push(last.id)

  t.ok(ids.length > 1, `${ids.length} answered`)
  await until(() => clients.every((client) => idsOf(client).includes(last.id)), GREEN_MS)
  for (const client of clients) {
    const got = idsOf(client)
    t.strictSame(got.filter((id) => ids.includes(id ?? '')), ids)
    t.equal(new Set(got).size, got.length)
    t.equal(client.socket.readyState, 1)
  }
})

t.test('Redis has no memory left: POST is refused, readiness says why, nothing is half done, and it recovers', async (t) => {
  const { redis, nodes, clients } = await cluster(t)
  const before = await timed(nodes[0])
  redis.cli('CONFIG', 'SET', 'maxmemory', '1')

  for (const node of nodes) await until(async () => !await isReady(node), RED_MS)
  const refused = await timed(nodes[0])
  t.match(refused, { status: 503 })
  t.ok(refused.ms < 2_000)
  t.match(await readiness(nodes[0]), { status: 503, body: { detail: /maxmemory/ } })
  const late = await connect(t, `${addressOf(nodes[1], 'ada')}&last_event_id=${before.id}`)
  t.match(await late.next(), { data: { resume: 'caught_up', replayed: 0 } }, 'sockets can still be opened')

  redis.cli('CONFIG', 'SET', 'maxmemory', '0')
  await until(() => isReady(nodes[0]), GREEN_MS)
  const after = await timed(nodes[0])
  await checkAllThere(t, clients, [before.id, after.id])
})

t.test('a node that is killed is out of the counts within 15 seconds, and leaves nothing behind', async (t) => {
  const redis: RedisServer = await startRedis(t)
  const one = await build(t, { BROKER_URL: redis.url })
  const two = await startServer(t, { BROKER_URL: redis.url, JWT_SECRET: SECRET })
  const client = await connect(t, addressOf(one, 'ada'))
  await client.next()
  for (const user of ['ada', 'ben', 'eve']) await (await connect(t, addressOf(two, user))).next()
  t.match((await one.post('/notify/ada', body)).body, { connections: 2 })
  two.kill('SIGKILL')
  await two.exited

  const started = performance.now()
  t.match((await one.post('/notify/ada', body)).body, { connections: 1 }, 'at once it is nobody who was reached')
  client.send({ type: 'get_stats' })
  for (;;) {
    const { data } = await client.nextOf('stats')
    if (data['total_connections'] === 1) {
      t.strictSame(data, { total_connections: 1, user_connections: 1, connected_users: [] })
      break
    }
    if (performance.now() - started > 15_000) throw new Error(JSON.stringify(data))
    await new Promise((resolve) => { setTimeout(resolve, 100) })
    client.send({ type: 'get_stats' })
  }
  t.strictSame(redis.cli('HKEYS', 'herald:{all}:users').split('\n'), ['ada'])
  t.equal(redis.cli('ZCARD', 'herald:{all}:nodes'), '1')
  t.equal(redis.cli('--raw', 'KEYS', 'herald:{all}:of:*').split('\n').length, 1)
  t.equal(redis.cli('GET', 'herald:{all}:overlap'), '0')
})

t.test('who was idle for long, and missed nothing, keeps his socket when a connection to Redis breaks', async (t) => {
  const redis = await startRedis(t)
  const node = await build(t, { BROKER_URL: redis.url, RETENTION_SECONDS: 1 })
  const idle = await connect(t, addressOf(node, 'ada'))
  await idle.next()
  await node.post('/notify/ben', body)
  await until(() => redis.cli('HGET', 'herald:{all}:journal', 'floor') === '1', 10_000)

  redis.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await until(async () => !await isReady(node), 5_000).catch(() => {}) // It may be too short to be seen.
  await until(() => isReady(node), 10_000)
  const { body: { id } } = await node.post('/notify/ada', body)

  t.equal((await idle.next()).id, id)
})
