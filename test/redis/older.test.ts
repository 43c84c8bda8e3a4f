import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { functionName, PREFIX } from '../../src/broker/redis/library.js'
import { addressOf, build, SECRET } from '../support/app.js'
import { connect } from '../support/client.js'
import { prepareBuild, startServer } from '../support/process.js'
import { startRedis } from '../support/redis.js'
import { isReady, post } from '../support/rest.js'
import { hasTool } from '../support/tools.js'
import { until } from '../support/wait.js'

if (!hasTool(t, 'redis')) process.exit()
t.before(prepareBuild)

const notification = { notification_type: 'info', message: {} }

t.test('Redis loses its newest, and a node that may have heard of more than a client is gone: he is told of a gap', async (t) => {
  const kept = { folder: t.testdir(), args: ['--appendonly', 'no'] }
  const redis = await startRedis(t, kept)
  const here = await build(t, { BROKER_URL: redis.url })
  const there = await startServer(t, { BROKER_URL: redis.url, JWT_SECRET: SECRET })
  const publish = async () => (await post(there, '/notify/ada', notification)).body['id']
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
  await until(() => isReady(here), 10_000)

  const resume = async (id: unknown) => (await (await connect(t, `${addressOf(here, 'ada')}&last_event_id=${String(id)}`)).next()).data
  const told = await resume(first)
  t.match(told, { resume: 'gap', replayed: 0 })
  t.match(await resume(newest), { resume: 'gap', replayed: 0 }, 'there may have been more')
  t.match(await resume(told['last_event_id']), { resume: 'caught_up' }, 'behind it nothing is lost')
  const { body: { id } } = await here.post('/notify/ada', notification)
  t.match(await resume(id), { resume: 'caught_up' })
})

t.test('Redis loses its newest, and who has published it is gone, whom nobody else heard and the file does not know: he who missed it is told of a gap', async (t) => {
  const kept = { folder: t.testdir(), args: ['--appendonly', 'no'] }
  const redis = await startRedis(t, kept)
  const here = await build(t, { BROKER_URL: redis.url })
  const { body: { id: first } } = await here.post('/notify/ada', notification)
  redis.cli('SAVE')
  const there = await startServer(t, { BROKER_URL: redis.url, JWT_SECRET: SECRET })
  t.equal((await post(there, '/notify/ada', notification)).status, 200)
  await sleep(1200) // A beat of the one that stays.

  for (const { kill } of [redis, there]) kill('SIGKILL')
  await Promise.all([redis.exited, there.exited])
  await startRedis(t, { ...kept, port: redis.port })
  await until(async () => (await here.post('/notify/ben', notification)).status === 200, 10_000)

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
  await until(async () => (await service.post('/notify/ada', notification)).status === 200, 10_000)

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
    hello: (node: string, heard: string) => call('hello', node, '', epoch, heard, '0', '1'),
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

t.test('Redis begins again and again with an older file: an id is not given out again', async (t) => {
  const kept = { folder: t.testdir(), args: ['--appendonly', 'no'] }
  const redis = await startRedis(t, kept)
  const here = await build(t, { BROKER_URL: redis.url })
  const client = await connect(t, addressOf(here, 'ada'))
  const got: string[] = []
  const publish = async (): Promise<string> => {
    for (;;) {
      const { status, body: answer } = await here.post('/notify/ada', notification)
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
