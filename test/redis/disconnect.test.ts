import t, { type Test } from 'tap'
import { addressOf, build, SECRET } from '../support/app.js'
import { connect } from '../support/client.js'
import { startServer } from '../support/process.js'
import { startRedis } from '../support/redis.js'
import { isReady } from '../support/rest.js'
import { sign } from '../support/token.js'
import { hasTool } from '../support/tools.js'
import { until } from '../support/wait.js'
import { openWay } from '../support/way.js'

if (!hasTool(t, 'redis')) process.exit()

const authorization = `Bearer ${sign({ scope: 'connections:manage' })}`

async function disconnect (http: string, userId: string) {
  const response = await fetch(`${http}/connections/${userId}`, { method: 'DELETE', headers: { authorization } })
  return { status: response.status, retryAfter: response.headers.get('retry-after'), body: await response.json() as Record<string, unknown> }
}

/** Two nodes, of which one has a way to Redis of its own. */
async function hereAndAway (t: Test) {
  const redis = await startRedis(t)
  const way = await openWay(t, redis.port)
  return { way, here: await build(t, { BROKER_URL: redis.url }), away: await build(t, { BROKER_URL: `redis://127.0.0.1:${way.port}` }) }
}

t.test('the sockets of a user are closed on all nodes, and counted', async (t) => {
  const { url } = await startRedis(t)
  const [one, two, three] = [await build(t, { BROKER_URL: url }), await build(t, { BROKER_URL: url }), await build(t, { BROKER_URL: url })]
  const his = [await connect(t, addressOf(one, 'ada')), await connect(t, addressOf(two, 'ada')), await connect(t, addressOf(two, 'ada'))]
  const other = await connect(t, addressOf(two, 'ben'))
  for (const client of [...his, other]) await client.next()

  t.match(await disconnect(three.http, 'ada'), { status: 200, body: { closed: 3 } })

  for (const { closed } of his) t.equal((await closed).code, 4503)
  other.send({ type: 'ping' })
  t.match(await other.next(), { type: 'pong' })
  t.match(await disconnect(two.http, 'ben'), { body: { closed: 1 } })
  t.match(await disconnect(one.http, 'ben'), { body: { closed: 0 } })
})

t.test('a node that is silent, or dead, is not waited for longer than a second', async (t) => {
  const { url } = await startRedis(t)
  const here = await build(t, { BROKER_URL: url })
  const there = await startServer(t, { BROKER_URL: url, JWT_SECRET: SECRET })
  const mine = await connect(t, addressOf(here, 'ada'))
  const his = await connect(t, addressOf(there, 'ada'))
  for (const client of [mine, his]) await client.next()

  there.kill('SIGSTOP')
  const started = performance.now()
  const silent = await disconnect(here.http, 'ada')
  const took = performance.now() - started

  t.match(silent, { status: 200, body: { closed: 1 } })
  t.ok(took < 3000, `${took} ms`)
  t.equal((await mine.closed).code, 4503)
  there.kill('SIGKILL')
  await there.exited
  t.match(await disconnect(here.http, 'ada'), { status: 200, body: { closed: 0 } })
})

t.test('a node that is away closes them when it is back, and none that was opened since', async (t) => {
  const { way, here, away } = await hereAndAway(t)
  const his = await connect(t, addressOf(away, 'ada'))
  const other = await connect(t, addressOf(away, 'ben'))
  for (const client of [his, other]) await client.next()

  way.cut()
  t.match(await disconnect(here.http, 'ada'), { status: 200, body: { closed: 0 } })
  const later = await connect(t, addressOf(here, 'ada'))
  await later.next()
  await way.mend()

  t.equal((await his.closed).code, 4503)
  await until(() => isReady(away), 10_000)
  const again = await connect(t, addressOf(away, 'ada'))
  await again.next()
  way.cut()
  await way.mend()
  await until(() => isReady(away), 10_000)
  for (const client of [other, later, again]) {
    client.send({ type: 'ping' })
    t.match(await client.next(), { type: 'pong' })
  }
})

t.test('a node that is away closes them when it is back, and its clock was put back', async (t) => {
  const { way, here, away } = await hereAndAway(t)
  const his = await connect(t, addressOf(away, 'ada'))
  await his.next()
  const { now } = Date
  t.teardown(() => { Date.now = now })

  way.cut()
  Date.now = () => now() - 600_000
  t.match(await disconnect(here.http, 'ada'), { status: 200, body: { closed: 0 } })
  await way.mend()

  t.equal((await his.closed).code, 4503)
})

t.test('without Redis it is answered 503; what is here is closed', async (t) => {
  const redis = await startRedis(t)
  const service = await build(t, { BROKER_URL: redis.url })
  const client = await connect(t, addressOf(service, 'ada'))
  await client.next()
  redis.kill('SIGKILL')
  await until(async () => !await isReady(service), 10_000)

  const refused = await disconnect(service.http, 'ada')

  t.match(refused, { status: 503, retryAfter: /^\d+$/, body: { code: 'not_ready' } })
  t.equal((await client.closed).code, 4503)
})
