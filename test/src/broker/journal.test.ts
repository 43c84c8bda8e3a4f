import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Draft, Notification } from '../../../src/broker/broker.js'
import { openBroker } from '../../../src/broker/open.js'

const SECOND = 1000

const draft = (userId: string | null, more: Partial<Draft> = {}): Draft =>
  ({ userId, excludeUser: null, ttlMs: undefined, tail: '"data":{}}', idempotency: undefined, ...more })

async function setUp (options: { retentionMs?: number, retentionPerUser?: number, retentionBroadcast?: number } = {}) {
  const clock = { now: 0 }
  const delivered: Notification[] = []
  const broker = await openBroker({
    url: 'memory:',
    newEpoch: 'e',
    retentionMs: 100 * SECOND,
    retentionPerUser: 3,
    retentionBroadcast: 3,
    idempotencyMs: 10 * SECOND,
    ...options,
    now: () => clock.now,
    deliver: async (notification) => {
      delivered.push(notification)
      return { connections: 1, users: 1 }
    },
    onTrouble: () => {}
  })
  const publish = async (...args: Parameters<typeof draft>) => (await broker.publish(draft(...args))).id
  const resume = async (userId: string | null, id: string | undefined) => {
    const { gap, count, after, read } = await broker.replay(userId, id)
    const ids: string[] = []
    for (let position = after; ;) {
      const page = await read(position, 1)
      ids.push(...page.notifications.map(({ id }) => id))
      if (page.complete) break
      position = page.lastSeq
    }
    return { gap, count, ids }
  }
  return { broker, clock, delivered, publish, resume }
}

t.test('every kind of id has its resume', async (t) => {
  const { publish, resume, broker } = await setUp()
  for (let i = 0; i < 5; i++) await publish('ada') // e-1 and e-2 are over the limit.
  await publish(null)

  t.strictSame(await resume('ada', undefined), { gap: false, count: 0, ids: [] })
  t.strictSame(await resume('ada', 'e-6'), { gap: false, count: 0, ids: [] })
  t.strictSame(await resume('ada', 'e-4'), { gap: false, count: 2, ids: ['e-5', 'e-6'] })
  t.strictSame(await resume('ada', 'e-2'), { gap: false, count: 4, ids: ['e-3', 'e-4', 'e-5', 'e-6'] })
  const everything = { gap: true, count: 4, ids: ['e-3', 'e-4', 'e-5', 'e-6'] }
  for (const id of ['e-1', 'e-0', 'other-4', 'e-7', 'garbage', '', 'e-', 'e-04', 'e--1', 'e-1e3', 'e-4 ', 'E-4', 'e-99999999999999999999']) {
    t.strictSame(await resume('ada', id), everything, id)
  }
  t.strictSame(await resume('ben', 'e-1'), { gap: false, count: 1, ids: ['e-6'] }, 'what others lost is nothing to him')
  t.strictSame(await resume(null, 'e-1'), { gap: false, count: 1, ids: ['e-6'] })
  t.match(await broker.replay('ada', 'garbage'), { epoch: 'e', seq: 6 })
})

t.test('what is sent in one turn gets its ids in the order of the calls, and is delivered in it', async (t) => {
  const { publish, delivered } = await setUp()

  const ids = await Promise.all(['ada', null, 'ben', 'ada'].map((userId) => publish(userId)))

  t.strictSame(ids, ['e-1', 'e-2', 'e-3', 'e-4'])
  t.strictSame(delivered.map(({ id }) => id), ids)
})

t.test('who was told of a gap hears of no other before something goes that came after that', async (t) => {
  const { publish, broker } = await setUp()
  const send = async (count: number) => {
    for (let i = 0; i < count; i++) await publish('ada')
  }
  await send(5)
  const { gap, seq, read } = await broker.replay('ada', 'e-1')
  t.strictSame([gap, seq], [true, 5])

  t.match(await read(1, 1), { notifications: [{ id: 'e-3' }], gap: undefined })
  await send(3)
  t.match(await read(3, 1), { notifications: [{ id: 'e-6' }], gap: undefined })
  await send(1)
  t.match(await read(3, 1), { notifications: [{ id: 'e-7' }], gap: { gap: true, count: 3, after: 3 } })
  t.match(await read(6, 1), { notifications: [{ id: 'e-7' }], gap: undefined })
})

t.test('he whose return begins anew is told how many follow', async (t) => {
  const { publish, broker, clock } = await setUp()
  await publish('ada')
  const { gap, read } = await broker.replay('ada', 'e-0')
  t.notOk(gap)
  await publish('ada')
  for (let i = 0; i < 2; i++) await publish('ada', { ttlMs: 2 * SECOND })

  clock.now = 2 * SECOND
  t.match(await read(0, 1000), { notifications: [{ id: 'e-2' }], complete: true, gap: { gap: true, count: 1, after: 0 } })
})

t.test('ttl shortens the retention, and what has expired is a gap', async (t) => {
  const { publish, resume, clock } = await setUp()
  await publish('ada')
  await publish('ada', { ttlMs: 2 * SECOND })
  await publish('ada', { ttlMs: 1000 * SECOND })

  clock.now = 2 * SECOND - 1
  t.strictSame(await resume('ada', 'e-0'), { gap: false, count: 3, ids: ['e-1', 'e-2', 'e-3'] })
  clock.now = 2 * SECOND
  t.strictSame(await resume('ada', 'e-0'), { gap: true, count: 2, ids: ['e-1', 'e-3'] })
  t.strictSame(await resume('ada', 'e-2'), { gap: false, count: 1, ids: ['e-3'] })
  clock.now = 100 * SECOND
  t.strictSame(await resume('ada', 'e-2'), { gap: true, count: 0, ids: [] })
})

t.test('what has expired does not crowd out what has not', async (t) => {
  const { publish, resume, clock } = await setUp()
  await publish('ada')
  await publish('ada', { ttlMs: SECOND })
  await publish('ada', { ttlMs: SECOND })
  clock.now = SECOND

  await publish('ada')
  await publish('ada')

  t.strictSame((await resume('ada', 'e-0')).ids, ['e-1', 'e-4', 'e-5'])
})

t.test('notifications go from the front, and those with a ttl from between the others', async (t) => {
  for (const [kind, userId] of [['broadcasts', null], ['personal ones', 'ada']] as const) {
    const { clock, publish, resume } = await setUp({ retentionBroadcast: 10, retentionPerUser: 10 })
    let kept: Array<{ id: string, expiresAt: number }> = []
    const first = await publish(userId)

    for (let i = 0; i < 60; i++) {
      const ttlMs = i % 4 === 3 ? SECOND : 50 * SECOND
      if (i % 7 === 6) clock.now += SECOND
      kept = kept.filter(({ expiresAt }) => expiresAt > clock.now)
      kept.push({ id: await publish(userId, { ttlMs }), expiresAt: clock.now + ttlMs })
      kept = kept.slice(-10)

      t.strictSame((await resume(userId, first)).ids, kept.map(({ id }) => id), `${kind}, ${i}`)
    }
  }
})

t.test('expiry goes on a little at a time until all is gone', async (t) => {
  const { broker, publish, resume, clock } = await setUp({ retentionPerUser: 10_000 })
  await Promise.all(Array.from({ length: 2000 }, () => publish('ada')))
  clock.now = 100 * SECOND

  broker.maintain()
  await broker.settled()

  t.strictSame(await resume('ada', 'e-0'), { gap: true, count: 0, ids: [] })
  t.strictSame(await resume('ada', 'e-2000'), { gap: false, count: 0, ids: [] })
})

t.test('nothing is left of what has gone', async (t) => {
  const { broker, publish, clock } = await setUp()
  const pass = async (ms: number) => {
    clock.now += ms
    broker.maintain()
    await broker.settled()
  }

  for (let i = 0; i < 40; i++) {
    await publish([null, 'ada', 'ben'][i % 3] ?? null, {
      ttlMs: i % 4 === 0 ? SECOND : undefined,
      excludeUser: i % 6 === 0 ? 'ada' : null,
      idempotency: i % 5 === 0 ? { key: `key ${i}`, fingerprint: 'body' } : undefined
    })
    await pass(i * 20)
  }
  await pass(100 * SECOND) // The last has expired,
  await pass(100 * SECOND) // and that anything ever was there is forgotten.

  t.equal(broker.journalSize?.().entries, 4, 'layout, epoch, seq, floor')
})

t.test('an audience that becomes empty again and again leaves one mark of it', async (t) => {
  const { broker, clock, publish } = await setUp()
  const empty = async (userId: string | null) => {
    await publish(userId, { ttlMs: SECOND })
    clock.now += SECOND
    broker.maintain()
    await broker.settled()
    return broker.journalSize?.().entries
  }
  for (const userId of ['ada', null]) {
    const first = await empty(userId)
    for (let i = 0; i < 5; i++) t.equal(await empty(userId), first)
  }
})

t.test('an idempotency key publishes once, for as long as it is remembered', async (t) => {
  const { broker, clock, delivered } = await setUp()
  const call = async (key: string, fingerprint: string) => await broker.publish(draft('ada', { idempotency: { key, fingerprint } }))

  const [first, second] = await Promise.all([call('a', 'body'), call('a', 'body')])
  t.match(first, { id: 'e-1', connections: 1, repeated: false })
  t.strictSame(second, { ...first, repeated: true })
  await broker.settled()
  t.strictSame(await call('a', 'body'), { ...first, repeated: true })
  await t.rejects(call('a', 'another'), { code: 'idempotency_mismatch' })
  t.match(await call('b', 'another'), { id: 'e-2', repeated: false })

  await broker.settled()
  clock.now = 10 * SECOND
  t.match(await call('a', 'another'), { id: 'e-3', repeated: false })
  t.equal(delivered.length, 3)
})

t.test('a close waits for what was accepted', async (t) => {
  const { broker, publish, delivered } = await setUp()

  const published = Array.from({ length: 10 }, () => publish('ada'))
  await sleep(0)
  await broker.close()

  t.equal((await Promise.all(published)).length, 10)
  t.equal(delivered.length, 10)
})
