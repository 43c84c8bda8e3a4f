import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { PREFIX } from '../../src/broker/redis/library.js'
import { addressOf, build } from '../support/app.js'
import { type Client, connect } from '../support/client.js'
import { scrape } from '../support/metrics.js'
import { startRedis } from '../support/redis.js'
import { isReady } from '../support/rest.js'
import { hasTool } from '../support/tools.js'
import { until } from '../support/wait.js'
import { openWay } from '../support/way.js'

if (!hasTool(t, 'redis')) process.exit()

const notification = { notification_type: 'info', message: {} }

/** One of two nodes has a way to Redis of its own; a user has a socket at each, and has got his first notification. */
async function twoNodes (t: Test) {
  const redis = await startRedis(t)
  const way = await openWay(t, redis.port)
  const here = await build(t, { BROKER_URL: redis.url })
  const there = await build(t, { BROKER_URL: `redis://127.0.0.1:${way.port}` })
  const near = await connect(t, addressOf(here, 'ada'))
  const far = await connect(t, addressOf(there, 'ada'))
  const { body: { id: first } } = await here.post('/notify/ada', notification)
  for (const client of [near, far]) t.equal((await client.nextOf('notification')).id, first)
  return { redis, way, here, there, near, far, first }
}

/** A client is told on its open socket that everything before may be lost; the id is what it goes on from. */
async function toldOfGap (t: Test, client: Client): Promise<string> {
  const { data } = await client.nextOf('connection_status')
  t.match(data, { user_id: 'ada', resume: 'gap', replayed: 0 })
  return String(data['last_event_id'])
}

t.test('Redis loses everything while a node is cut off from it: everybody is told of a gap, on sockets that stay open, and gets what follows', async (t) => {
  const { redis, way, here, there, near, far } = await twoNodes(t)
  const posted = async () => (await here.post('/notify/ada', notification)).body['id']

  way.cut()
  const missed = [await posted(), await posted()]
  while ((await near.nextOf('notification')).id !== missed[1]);
  redis.cli('FLUSHALL')
  const before = await toldOfGap(t, near)
  await until(async () => (await here.post('/notify/ada', notification)).status === 200, 10_000)
  await way.mend()

  const after = await toldOfGap(t, far)
  t.equal(after, before, 'all that is kept follows')
  t.not(after.split('-')[0], String(missed[0]).split('-')[0])
  t.equal((await far.nextOf('notification')).id, (await near.nextOf('notification')).id)
  const again = await connect(t, `${addressOf(there, 'ada')}&last_event_id=${after}`)
  t.match((await again.next()).data, { resume: 'caught_up', replayed: 1 })
  for (const { port } of [here, there]) t.equal((await scrape(`http://127.0.0.1:${port}`)).value('herald_resumes_total{resume="gap"}'), 1)
})

t.test('Redis loses everything twice, the second time before all have gone on: everybody is told twice, and nobody is said to be offline', async (t) => {
  const { redis, here, there, near, far } = await twoNodes(t)
  for (let i = 0; i < 2; i++) {
    redis.cli('FLUSHALL')
    await sleep(1800)
  }

  for (const client of [near, far]) {
    const [first, second] = [await toldOfGap(t, client), await toldOfGap(t, client)]
    t.not(first, second)
  }
  for (const node of [here, there]) {
    await until(async () => {
      const { status, body: answer } = await node.post('/notify/ada', notification)
      if (status === 200) t.equal(answer['connections'], 2)
      return status === 200
    }, 10_000)
  }
  for (const client of [near, far]) t.ok(await client.nextOf('notification'))
})

t.test('somebody removes the journal alone: both nodes go on in the same new one, and everybody is told', async (t) => {
  const { redis, here, there, near, far } = await twoNodes(t)

  redis.cli('DEL', `${PREFIX}journal`)

  for (const client of [near, far]) await toldOfGap(t, client)
  for (const node of [here, there]) {
    await until(async () => {
      const { status, body: answer } = await node.post('/notify/ada', notification)
      return status === 200 && answer['connections'] === 2
    }, 10_000)
  }
})

t.test('the same server is made to take over what is older: it gives no id out twice, and what it answers with 200 comes to everybody', async (t) => {
  const { redis, here, there, near, far } = await twoNodes(t)
  const other = await startRedis(t, { args: ['--replicaof', '127.0.0.1', String(redis.port), '--repl-diskless-sync-delay', '0'] })
  const isFollowing = (replica: typeof redis) => /master_link_status:up/.test(replica.cli('INFO', 'replication'))
  await until(() => isFollowing(other), 10_000)
  other.cli('REPLICAOF', 'NO', 'ONE')
  const ids = new Set<unknown>()
  const publish = async () => {
    const { status, body: { id } } = await here.post('/notify/ada', notification)
    if (status !== 200) return false
    t.notOk(ids.has(id), `${String(id)} is new`)
    ids.add(id)
    return true
  }
  for (let i = 0; i < 20; i++) t.ok(await publish())
  const newest = [...ids].at(-1)

  redis.cli('REPLICAOF', '127.0.0.1', String(other.port))
  await until(() => isFollowing(redis), 10_000)
  redis.cli('REPLICAOF', 'NO', 'ONE')
  await until(async () => {
    const again = await connect(t, `${addressOf(there, 'ada')}&last_event_id=${String(newest)}`)
    const { data } = await again.next()
    again.socket.terminate()
    await sleep(200)
    return data['resume'] === 'caught_up'
  }, 15_000)
  for (let i = 0; i < 5; i++) await until(publish, 10_000)

  for (const client of [near, far]) {
    const got: unknown[] = []
    while (got.length < ids.size) got.push((await client.nextOf('notification')).id)
    t.strictSame(got, [...ids])
  }
  const again = await connect(t, `${addressOf(there, 'ada')}&last_event_id=${String(newest)}`)
  t.match((await again.next()).data, { resume: 'caught_up', replayed: 5 })
})

t.test('what nobody can read is published for a node: it goes on', async (t) => {
  const { redis, here, near, far } = await twoNodes(t)

  for (const channel of redis.cli('PUBSUB', 'CHANNELS', `${PREFIX}*`).trim().split('\n')) {
    for (const message of ['ack [', 'ack null', 'ack {}', 'close 1', 'close [', '', 'x', '\n1\t5\n']) redis.cli('PUBLISH', channel, message)
  }

  const { body: { id } } = await here.post('/notify/ada', notification)
  for (const client of [near, far]) t.equal((await client.nextOf('notification')).id, id)
})

t.test('what is published is subscribed to, and there is no answer to that, while all else is answered: it is connected anew', async (t) => {
  const { redis, way, there, far } = await twoNodes(t)
  way.holdAt('subscribe')
  redis.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await until(async () => !await isReady(there), 5000)

  await until(async () => {
    far.send({ type: 'get_stats' })
    await sleep(200)
    return await isReady(there)
  }, 10_000)

  t.equal((await there.post('/notify/ada', notification)).body['connections'], 2)
})

t.test('Redis loses everything in the middle of a replay, and its connections end before the reader goes on: he is told', async (t) => {
  const { redis, here, first } = await twoNodes(t)
  const message = { text: 'x'.repeat(50_000) }
  for (let i = 0; i < 400; i++) await here.app.notifications.sendToUser('ada', { notificationType: 'info', data: message })
  const reader = await connect(t, `${addressOf(here, 'ada')}&last_event_id=${String(first)}`)
  t.match((await reader.next()).data, { resume: 'caught_up', replayed: 400 })
  reader.socket.pause()

  redis.cli('FLUSHALL')
  await until(async () => (await here.post('/notify/ada', notification)).status === 200, 10_000)
  redis.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await until(async () => (await here.post('/notify/ada', notification)).status === 200, 10_000)
  reader.socket.resume()

  while ((await reader.next()).data['resume'] !== 'gap');
  const ids = [(await reader.nextOf('notification')).id, (await reader.nextOf('notification')).id]
  const [epoch = ''] = ids[0]?.split('-') ?? []
  t.strictSame(ids, [`${epoch}-1`, `${epoch}-2`])
  t.ok(reader.frames.length < 400, `${reader.frames.length} frames`)
})

t.test('Redis comes back empty: no node says that a user of another is offline, whenever that one comes back', async (t) => {
  const { redis, way, here, there } = await twoNodes(t)
  const answers: unknown[] = []
  /** Posts in turn; what is returned ends that, and resolves when none is under way. */
  const posting = () => {
    const over = new AbortController()
    const posts = (async () => {
      while (!over.signal.aborted) {
        for (const node of [here, there]) {
          const { status, body: answer } = await node.post('/notify/ada', notification)
          if (status === 200) answers.push(answer['connections'])
        }
        await sleep(20)
      }
    })()
    return async () => {
      over.abort()
      await posts
    }
  }
  const stop = posting()
  await sleep(200)
  await stop() // What is under way when Redis is killed has no answer from the other node.
  const before = answers.length
  redis.kill('SIGKILL')
  await redis.exited
  const stopAgain = posting()

  await sleep(1500)
  way.cut()
  await startRedis(t, { port: redis.port })
  await until(() => redis.cli('HEXISTS', `${PREFIX}journal`, 'followed_at') === '1', 10_000) // The other one is back, and waits.
  await way.mend()
  await until(() => answers.length > before + 50, 10_000)
  await stopAgain()

  t.ok(before > 0)
  t.strictSame(new Set(answers), new Set([2]))
})

t.test('who comes before anything is kept again has an id to come back with', async (t) => {
  const redis = await startRedis(t)
  const node = await build(t, { BROKER_URL: redis.url, ALLOW_ANONYMOUS: true })

  for (let came = 0; came < 5;) {
    await until(() => isReady(node), 10_000)
    redis.cli('FLUSHALL')
    const client = await connect(t, node.ws).catch(() => undefined) // The node may have noticed already.
    if (client === undefined) continue
    t.match((await client.next()).data, { last_event_id: /^[a-z\d]+-0$/ })
    came++
  }
})
