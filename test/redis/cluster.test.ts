import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { addressOf, build, type Service } from '../support/app.js'
import { connect } from '../support/client.js'
import { countedInVain } from '../support/counted.js'
import { startRedis } from '../support/redis.js'
import { stats } from '../support/rest.js'
import { hasTool } from '../support/tools.js'

const body = { notification_type: 'info', message: { title: 'Order 4711' } }

/** Two nodes on one Redis. */
async function pair (t: import('tap').Test, settings = {}): Promise<[Service, Service]> {
  const { url } = await startRedis(t)
  return [await build(t, { ...settings, BROKER_URL: url }), await build(t, { ...settings, BROKER_URL: url })]
}

if (!hasTool(t, 'redis')) process.exit()

t.test('what is published together arrives in order, whatever is in it, and is the same when it is read again', async (t) => {
  const [one, two] = await pair(t)
  const { notifications } = one.app
  const client = await connect(t, addressOf(two, 'Алёна'))
  const welcome = await client.next()

  await Promise.all([
    notifications.sendToUser('Алёна', { notificationType: 'info', data: { title: 'Привет, мир 🌍' } }),
    notifications.broadcast({ notificationType: 'система', data: { line: 'a\n\tb' }, excludeUser: 'Бен' }),
    notifications.broadcast({ notificationType: 'info', data: {}, excludeUser: 'Алёна' }),
    notifications.sendToUser('Алёна', { notificationType: 'info', data: { long: 'я'.repeat(70_000) }, ttl: 60 })
  ])

  const live = [await client.next(), await client.next(), await client.next()]
  t.match(live, [{ data: { title: 'Привет, мир 🌍' } }, { notification_type: 'система', data: { line: 'a\n\tb' } }, { data: { long: 'я'.repeat(70_000) } }])
  const again = await connect(t, `${addressOf(one, 'Алёна')}&last_event_id=${String(welcome.data['last_event_id'])}`)
  t.match((await again.next()).data, { resume: 'caught_up', replayed: 3 })
  t.strictSame([await again.next(), await again.next(), await again.next()], live)
})

t.test('who is counted gets it, also where it was sent before his first frame', async (t) => {
  t.strictSame(await countedInVain(t, await pair(t)), [])
})

t.test('a notification reaches the sockets of its user on whichever node they are, and the outcome counts all of them', async (t) => {
  const [one, two] = await pair(t)
  const here = await connect(t, addressOf(one, 'ada'))
  const there = await connect(t, addressOf(two, 'ada'))
  const other = await connect(t, addressOf(two, 'ben'))
  for (const client of [here, there, other]) await client.next()

  const first = await one.post('/notify/ada', body)
  const second = await two.post('/notify/ada', body)
  const nobody = await one.post('/notify/eve', body)

  t.match(first.body, { online: true, connections: 2, stored: true })
  t.match(second.body, { online: true, connections: 2, stored: true })
  t.match(nobody.body, { online: false, connections: 0, stored: true })
  for (const client of [here, there]) {
    t.match(await client.next(), { type: 'notification', id: first.body['id'], data: { title: 'Order 4711' } })
    t.match(await client.next(), { type: 'notification', id: second.body['id'] })
  }
  t.equal(other.frames.length, 1)
})

t.test('a broadcast reaches everybody but who is left out; a user on both nodes counts once', async (t) => {
  const [one, two] = await pair(t, { ALLOW_ANONYMOUS: true })
  const clients = [await connect(t, addressOf(one, 'ada')), await connect(t, addressOf(two, 'ada')), await connect(t, addressOf(two, 'ben')), await connect(t, one.ws)]
  for (const client of clients) await client.next()

  const toAll = await one.post('/broadcast', body)
  const withoutAda = await two.post('/broadcast', { ...body, exclude_user: 'ada' })

  t.match(toAll.body, { connections: 4, users: 2, stored: true })
  t.match(withoutAda.body, { connections: 2, users: 1 })
  const [first, second, ben, anonymous] = clients
  for (const client of [ben, anonymous]) {
    t.match(await client?.next(), { id: toAll.body['id'] })
    t.match(await client?.next(), { id: withoutAda.body['id'] })
  }
  await one.post('/notify/ada', body)
  for (const client of [first, second]) {
    t.match(await client?.next(), { id: toAll.body['id'] })
    t.not((await client?.next())?.id, withoutAda.body['id'])
  }
})

t.test('counts are those of all nodes', async (t) => {
  const [one, two] = await pair(t, { ALLOW_ANONYMOUS: true })
  const ada = await connect(t, addressOf(one, 'ada', 'stats:read'))
  await ada.next()
  const anonymous = await connect(t, two.ws)
  await anonymous.next()
  const last = await connect(t, addressOf(two, 'ada'))
  t.match(await last.next(), { data: { total_connections: 3 } })

  for (const node of [one, two]) {
    t.strictSame(await stats(node), { total_connections: 3, connected_users: ['ada'], users_count: 1 })
  }
  ada.send({ type: 'get_stats' })
  t.match(await ada.next(), { type: 'stats', data: { total_connections: 3, user_connections: 2, connected_users: ['ada'] } })
  last.send({ type: 'get_stats' })
  t.match(await last.next(), { type: 'stats', data: { total_connections: 3, user_connections: 2, connected_users: [] } })

  last.socket.close()
  await last.closed
  for (let left = 3; left > 2;) left = (await stats(one)).total_connections
  t.strictSame(await stats(one), { total_connections: 2, connected_users: ['ada'], users_count: 1 })
})

t.test('who comes back to another node gets what he missed', async (t) => {
  const [one, two] = await pair(t)
  const client = await connect(t, addressOf(one, 'ada'))
  await client.next()
  const { body: { id: got } } = await two.post('/notify/ada', body)
  await client.next()
  client.socket.terminate()
  await client.closed

  const missed = [await one.post('/notify/ada', body), await two.post('/broadcast', body), await one.post('/broadcast', { ...body, exclude_user: 'ada' })]
  const back = await connect(t, `${addressOf(two, 'ada')}&last_event_id=${got}`)

  t.match(await back.next(), { data: { resume: 'caught_up', replayed: 2, last_event_id: missed[2]?.body['id'] } })
  t.equal((await back.next()).id, missed[0]?.body['id'])
  t.equal((await back.next()).id, missed[1]?.body['id'])
  const live = await one.post('/notify/ada', body)
  t.equal((await back.next()).id, live.body['id'])

  const old = await connect(t, `${addressOf(two, 'ada')}&last_event_id=other-3`)
  t.match(await old.next(), { data: { resume: 'gap', replayed: 4 } })
})

t.test('one key, sent to two nodes at the same instant, publishes once', async (t) => {
  const [one, two] = await pair(t)
  const client = await connect(t, addressOf(two, 'ada'))
  await client.next()

  for (let round = 0; round < 20; round++) {
    const key = { 'idempotency-key': `key-${round}` }
    const answers = await Promise.all([one, two, one, two].map(async (node) => await node.post('/notify/ada', body, key)))

    t.equal(new Set(answers.map(({ body }) => JSON.stringify(body))).size, 1)
    t.match(answers[0]?.body, { connections: 1, online: true })
    t.equal(answers.filter(({ headers }) => headers.get('idempotency-replayed') === 'true').length, 3)
    t.match(await two.post('/notify/ada', { ...body, message: {} }, key), { status: 422 })
  }
  await one.post('/notify/ada', body)
  while (client.frames.length < 22) await client.next()
  t.equal(client.frames.filter(({ type }) => type === 'notification').length, 21)
})

t.test('what one node was sent with a ttl is said to be missing at the other when that is over', async (t) => {
  const [one, two] = await pair(t)
  const { body: { id } } = await one.post('/notify/ada', body)
  await one.post('/notify/ada', { ...body, ttl: 1 })

  await sleep(1100)
  const client = await connect(t, `${addressOf(two, 'ada')}&last_event_id=${id}`)
  t.match(await client.next(), { data: { resume: 'gap', replayed: 0 } })
})

t.test('what a turn brings is published together, in the order of its calls, and each call gets its own outcome', async (t) => {
  const redis = await startRedis(t)
  const one = await build(t, { BROKER_URL: redis.url })
  const two = await build(t, { BROKER_URL: redis.url })
  const ada = await connect(t, addressOf(two, 'ada'))
  await ada.next()
  redis.cli('CONFIG', 'RESETSTAT')
  const { notifications } = one.app
  const keyed = async (text: string) => await notifications.sendToUser('ada', { notificationType: 'info', data: { text } }, { idempotencyKey: 'one' })

  const outcomes = Promise.all(Array.from({ length: 120 }, async (_, i) => await notifications.sendToUser(i % 2 === 0 ? 'ada' : 'eve', { notificationType: 'info', data: { i } })))
  const [first, again, other, toAll] = await Promise.all([
    keyed('first'), keyed('first'), keyed('other').catch((error: unknown) => error),
    notifications.broadcast({ notificationType: 'info', data: { toAll: true } })
  ])

  for (const [i, { connections }] of (await outcomes).entries()) t.equal(connections, i % 2 === 0 ? 1 : 0)
  t.match(again, { ...first, repeated: true })
  t.match(first, { connections: 1, repeated: false })
  t.match(other, { code: 'idempotency_mismatch' })
  t.match(toAll, { connections: 1, users: 1 })
  for (const { id } of [...(await outcomes).filter(({ connections }) => connections === 1), first, toAll]) t.match(await ada.next(), { id })
  t.equal(Number(toAll.id.split('-')[1]) - Number((await outcomes)[0]?.id.split('-')[1]), 121, 'what is not published takes no number')
  const calls = Number(/cmdstat_hset:calls=(\d+)/.exec(redis.cli('INFO', 'commandstats'))?.[1])
  t.ok(calls < 10, `${calls}`)
})
