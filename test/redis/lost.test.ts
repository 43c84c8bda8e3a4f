import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { functionName, PREFIX } from '../../src/broker/redis/library.js'
import { addressOf, build, SECRET } from '../support/app.js'
import { type Client, connect } from '../support/client.js'
import { scrape } from '../support/metrics.js'
import { prepareBuild, startServer } from '../support/process.js'
import { startRedis } from '../support/redis.js'
import { sign } from '../support/token.js'
import { hasTool } from '../support/tools.js'
import { until } from '../support/wait.js'
import { openWay } from '../support/way.js'

if (!hasTool(t, 'redis')) process.exit()
t.before(prepareBuild)

const headers = { 'content-type': 'application/json', authorization: `Bearer ${sign({ scope: 'notifications:publish' })}` }
const body = JSON.stringify({ notification_type: 'info', message: {} })

t.test('Redis loses its newest, and a node that may have heard of more than a client is gone: he is told of a gap', async (t) => {
  const kept = { folder: t.testdir(), args: ['--appendonly', 'no'] }
  const redis = await startRedis(t, kept)
  const here = await build(t, { BROKER_URL: redis.url })
  const there = await startServer(t, { BROKER_URL: redis.url, JWT_SECRET: SECRET })
  const publish = async () => {
    const response = await fetch(`${there.http}/notify/ada`, { method: 'POST', headers, body })
    return (await response.json() as { id: string }).id
  }
  const client = await connect(t, addressOf(here, 'ada'))
  await client.next()
  const first = await publish()
  redis.cli('SAVE')
  const newest = await publish()
  while ((await client.next()).id !== newest);
  client.socket.terminate()
  await until(() => here.app.connections.getTotalConnectionsCount() === 0, 5000)
  await publish() // Nobody hears of it.

  for (const { kill } of [redis, there]) kill('SIGKILL')
  await Promise.all([redis.exited, there.exited])
  await startRedis(t, { ...kept, port: redis.port })
  await until(async () => (await fetch(`http://127.0.0.1:${here.port}/health/ready`)).status === 200, 10_000)

  const resume = async (id: unknown) => (await (await connect(t, `${addressOf(here, 'ada')}&last_event_id=${String(id)}`)).next()).data
  const told = await resume(first)
  t.match(told, { resume: 'gap', replayed: 0 })
  t.match(await resume(newest), { resume: 'gap', replayed: 0 }, 'there may have been more')
  t.match(await resume(told['last_event_id']), { resume: 'caught_up' }, 'behind it nothing is lost')
  const { body: { id } } = await here.post('/notify/ada', JSON.parse(body))
  t.match(await resume(id), { resume: 'caught_up' })
})

t.test('Redis loses its newest, and who has published it is gone, whom nobody else heard and the file does not know: he who missed it is told of a gap', async (t) => {
  const kept = { folder: t.testdir(), args: ['--appendonly', 'no'] }
  const redis = await startRedis(t, kept)
  const here = await build(t, { BROKER_URL: redis.url })
  const { body: { id: first } } = await here.post('/notify/ada', JSON.parse(body))
  redis.cli('SAVE')
  const there = await startServer(t, { BROKER_URL: redis.url, JWT_SECRET: SECRET })
  t.equal((await fetch(`${there.http}/notify/ada`, { method: 'POST', headers, body })).status, 200)
  await sleep(1200) // A beat of the one that stays.

  for (const { kill } of [redis, there]) kill('SIGKILL')
  await Promise.all([redis.exited, there.exited])
  await startRedis(t, { ...kept, port: redis.port })
  await until(async () => (await here.post('/notify/ben', JSON.parse(body))).status === 200, 10_000)

  t.match((await (await connect(t, `${addressOf(here, 'ada')}&last_event_id=${String(first)}`)).next()).data, { resume: 'gap', replayed: 0 })
})

t.test('Redis comes back with an older file: who has left since then is not counted', async (t) => {
  const kept = { folder: t.testdir(), args: ['--appendonly', 'no'] }
  const redis = await startRedis(t, kept)
  const service = await build(t, { BROKER_URL: redis.url, MAX_CONNECTIONS_PER_USER: 1 })
  const users = () => redis.cli('HLEN', `${PREFIX}users`)
  const client = await connect(t, addressOf(service, 'ada'))
  await client.next()
  t.equal(users(), '1')
  redis.cli('SAVE')
  client.socket.terminate()
  await until(() => users() === '0', 5000)

  redis.kill('SIGKILL')
  await redis.exited
  await startRedis(t, { ...kept, port: redis.port })
  await until(async () => (await service.post('/notify/ada', JSON.parse(body))).status === 200, 10_000)

  t.equal(users(), '0')
  t.match((await (await connect(t, addressOf(service, 'ada'))).next()).data, { resume: 'none', total_connections: 1 })
})

/** Calls of the functions for a journal in which three broadcasts are kept; `another` is a server that begins with the same. */
async function journalOfThree (t: Test) {
  const redis = await startRedis(t)
  const { app } = await build(t, { BROKER_URL: redis.url })
  for (let i = 0; i < 3; i++) await app.notifications.broadcast({ notificationType: 'info', data: {} })
  const call = (name: string, ...args: string[]) => redis.cli('FCALL', functionName(name), '1', `${PREFIX}journal`, ...args).split('\n')
  const epoch = redis.cli('HGET', `${PREFIX}journal`, 'epoch')
  return {
    redis,
    itself: redis.cli('ZRANGE', `${PREFIX}nodes`, '0', '-1'),
    hello: (node: string, heard: string) => call('hello', node, '', epoch, heard, '0'),
    survey: (after: string) => call('survey', 'first', 'ada', String(Date.now()), '60000', '100', '100', epoch, after),
    read: (after: string) => call('read', epoch, 'ada', '0', after, '65536', '0'),
    another: () => { redis.cli('HSET', `${PREFIX}journal`, 'run', 'of another server') }
  }
}

t.test('who comes back before the node that has heard of what is lost does waits for it', async (t) => {
  const { itself, hello, survey, read, another } = await journalOfThree(t)
  for (const node of ['first', 'second']) hello(node, '3')
  another()

  hello('first', '3')
  hello(itself, '3')
  for (const answer of [survey('2'), read('2')]) t.match(answer[0], /not all nodes have said/)
  hello('second', '6')

  t.strictSame([survey('2')[2], read('2')[3]], ['1', '1'])
  t.strictSame([survey('6')[2], read('6')[3]], ['0', '0'])
})

t.test('nobody says whether what somebody has was the last that is lost: he is told of a gap, however often Redis begins again', async (t) => {
  const { redis, itself, hello, survey, read, another } = await journalOfThree(t)
  for (const node of ['first', 'second']) hello(node, '3')
  for (let i = 0; i < 2; i++) {
    another()
    hello('first', '6')
    hello(itself, '3')
    redis.cli('ZREM', `${PREFIX}nodes`, 'second')
  }

  t.strictSame([survey('6')[2], read('6')[3]], ['1', '1'])
  hello('first', '8')
  t.strictSame([survey('8')[2], read('8')[3]], ['0', '0'])
})

t.test('a position that the journal has not reached is one of a gap', async (t) => {
  const { hello, survey, read } = await journalOfThree(t)
  hello('first', '3')
  t.strictSame([survey('3')[2], read('3')[3]], ['0', '0'])
  t.strictSame([survey('4')[2], read('4')[3]], ['1', '1'])
})

/** One of two nodes has a way to Redis of its own; a user has a socket at each, and has got his first notification. */
async function twoNodes (t: Test) {
  const redis = await startRedis(t)
  const way = await openWay(t, redis.port)
  const here = await build(t, { BROKER_URL: redis.url })
  const there = await build(t, { BROKER_URL: `redis://127.0.0.1:${way.port}` })
  const near = await connect(t, addressOf(here, 'ada'))
  const far = await connect(t, addressOf(there, 'ada'))
  const { body: { id: first } } = await here.post('/notify/ada', JSON.parse(body))
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
  const posted = async () => (await here.post('/notify/ada', JSON.parse(body))).body['id']

  way.cut()
  const missed = [await posted(), await posted()]
  while ((await near.nextOf('notification')).id !== missed[1]);
  redis.cli('FLUSHALL')
  const before = await toldOfGap(t, near)
  await until(async () => (await here.post('/notify/ada', JSON.parse(body))).status === 200, 10_000)
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
      const { status, body: answer } = await node.post('/notify/ada', JSON.parse(body))
      if (status === 200) t.equal(answer['connections'], 2)
      return status === 200
    }, 10_000)
  }
  for (const client of [near, far]) t.ok(await client.nextOf('notification'))
})

t.test('what is published is subscribed to, and there is no answer to that, while all else is answered: it is connected anew', async (t) => {
  const { redis, way, there, far } = await twoNodes(t)
  const readiness = async () => (await fetch(`http://127.0.0.1:${there.port}/health/ready`)).status
  way.holdAt('subscribe')
  redis.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await until(async () => await readiness() === 503, 5000)

  await until(async () => {
    far.send({ type: 'get_stats' })
    await sleep(200)
    return await readiness() === 200
  }, 10_000)

  t.equal((await there.post('/notify/ada', JSON.parse(body))).body['connections'], 2)
})

t.test('Redis begins again and again with an older file: an id is not given out again', async (t) => {
  const kept = { folder: t.testdir(), args: ['--appendonly', 'no'] }
  const redis = await startRedis(t, kept)
  const here = await build(t, { BROKER_URL: redis.url })
  const client = await connect(t, addressOf(here, 'ada'))
  const got: string[] = []
  const publish = async (): Promise<string> => {
    for (;;) {
      const { status, body: answer } = await here.post('/notify/ada', JSON.parse(body))
      if (status === 200) return String(answer['id'])
      await sleep(50)
    }
  }
  const resume = async (id: string) => (await (await connect(t, `${addressOf(here, 'ada')}&last_event_id=${id}`)).next()).data['resume']
  got.push(await publish())
  let running = redis
  for (const saves of [true, true, false, false]) {
    if (saves) running.cli('SAVE')
    running.kill('SIGKILL')
    await running.exited
    running = await startRedis(t, { ...kept, port: redis.port })
    for (let k = 0; k < 3; k++) got.push(await publish())
    while ((await client.nextOf('notification')).id !== got.at(-1));
  }

  t.strictSame(client.frames.filter(({ type }) => type === 'notification').map(({ id }) => id), got)
  t.equal(new Set(got).size, got.length)
  t.equal(await resume(got[5] ?? ''), 'gap')
  t.equal(await resume(got[10] ?? ''), 'caught_up')
})

t.test('Redis loses everything in the middle of a replay, and its connections end before the reader goes on: he is told', async (t) => {
  const { redis, here, first } = await twoNodes(t)
  const message = { text: 'x'.repeat(50_000) }
  for (let i = 0; i < 400; i++) await here.app.notifications.sendToUser('ada', { notificationType: 'info', data: message })
  const reader = await connect(t, `${addressOf(here, 'ada')}&last_event_id=${String(first)}`)
  t.match((await reader.next()).data, { resume: 'caught_up', replayed: 400 })
  reader.socket.pause()

  redis.cli('FLUSHALL')
  await until(async () => (await here.post('/notify/ada', JSON.parse(body))).status === 200, 10_000)
  redis.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await until(async () => (await here.post('/notify/ada', JSON.parse(body))).status === 200, 10_000)
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
          const { status, body: answer } = await node.post('/notify/ada', JSON.parse(body))
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
