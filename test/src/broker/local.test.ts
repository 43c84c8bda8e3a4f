import t from 'tap'
import { type Draft, MAX_PUBLISHES } from '../../../src/broker/broker.js'
import { Journal, type JournalOptions } from '../../../src/broker/journal.js'
import { LocalBroker } from '../../../src/broker/local.js'
import { MemoryStore } from '../../../src/broker/memory-store.js'
import type { Change } from '../../../src/broker/store.js'

const limits: JournalOptions = { retentionMs: 1e9, retentionPerUser: 5, retentionBroadcast: 5, idempotencyMs: 10_000 }

/** A store whose writes wait for `disk`, which may fail. */
class StoreOnDisk extends MemoryStore {
  disk: (changes: Change[]) => Promise<void> = async () => {}

  override async write (changes: Change[]): Promise<void> {
    await this.disk(changes)
    await super.write(changes)
  }
}

async function setUp (store = new StoreOnDisk(), options: Partial<JournalOptions> = {}) {
  const clock = { now: 1e6 }
  const troubles: unknown[] = []
  const journal = await Journal.open(store, { ...limits, ...options }, 'e')
  const broker = new LocalBroker(journal, {
    now: () => clock.now,
    deliver: async () => ({ connections: 1, users: 1 }),
    onTrouble: (error) => { troubles.push(error) }
  })
  const publish = async (userId: string | null, more: Partial<Draft> = {}) =>
    await broker.publish({ userId, excludeUser: null, ttlMs: undefined, tail: '"data":{}}', idempotency: undefined, ...more })
  return { store, journal, broker, clock, troubles, publish }
}

t.test('a disk that has room for a number, and for no notification, does not pass for one that can be written', async (t) => {
  const { store, broker, publish } = await setUp()
  store.disk = async (changes) => { if (changes.some(({ value }) => value instanceof Buffer)) throw new Error('there is no room') }

  await t.rejects(publish('ada'), { code: 'journal_unavailable' })
  for (let i = 0; i < 3; i++) {
    broker.maintain()
    await broker.settled()
    t.ok(broker.problem())
  }
  store.disk = async () => {}
  broker.maintain()
  await broker.settled()

  t.equal(broker.problem(), undefined)
  t.equal(store.get(['probe']), undefined)
})

t.test('a disk that does not answer is seen: nothing more is accepted, and all goes on when it does', async (t) => {
  const { store, broker, publish, troubles } = await setUp()
  let answer = () => {}
  store.disk = async () => { await new Promise<void>((resolve) => { answer = resolve }) }
  const waits = publish('ada')
  await new Promise((resolve) => { setImmediate(resolve) })
  t.equal(broker.problem(), undefined)

  const { now } = performance
  t.teardown(() => { performance.now = now })
  performance.now = () => now.call(performance) + 5001
  broker.maintain()
  await t.rejects(publish('ada'), { code: 'journal_unavailable' })
  t.ok(broker.problem())
  store.disk = async () => {}
  answer()

  t.match(await waits, { id: 'e-1' })
  t.match(await publish('ada'), { id: 'e-2' })
  t.equal(broker.problem(), undefined)
  t.match(troubles, [/the disk has not answered for 5 seconds/, undefined])
})

for (const idempotencyMs of [1000, 86_400_000, Infinity]) {
  t.test(`a clock that is put back publishes nothing twice, where keys are kept for ${idempotencyMs} ms`, async (t) => {
    const { clock, publish } = await setUp(new StoreOnDisk(), { idempotencyMs })
    const call = { idempotency: { key: 'a', fingerprint: 'x' } }
    const { id } = await publish('ada', call)

    clock.now -= 1

    t.match(await publish('ada', call), { id, repeated: true })
  })
}

t.test('a key that was used before the clock was put back does not last for days', async (t) => {
  const { clock, broker, publish } = await setUp()
  const call = async (fingerprint: string) => await publish('ada', { idempotency: { key: 'once', fingerprint } })
  await call('first')
  await broker.settled()

  clock.now -= 1000
  t.match(await call('first'), { id: 'e-1', repeated: true })
  clock.now -= 86_400_000
  t.match(await call('second'), { id: 'e-2', repeated: false })
  await broker.settled()

  t.match(await call('second'), { id: 'e-2', repeated: true })
})

t.test('where a limit was lowered, what is over it goes in parts, of however many users', async (t) => {
  const users = Array.from({ length: 100 }, (_, i) => `user-${i}`)
  const { store, publish } = await setUp(undefined, { retentionPerUser: 100 })
  await Promise.all(users.flatMap((user) => Array.from({ length: 50 }, async () => await publish(user))))
  const lowered = await setUp(store, { retentionPerUser: 5 })
  let removed = 0
  store.disk = async (changes) => { removed = changes.filter(({ value }) => value === undefined).length }

  await Promise.all(users.map(async (user) => await lowered.publish(user)))
  t.ok(removed > 0 && removed <= 1000, `${removed} at once`)

  for (let i = 0; i < 30; i++) await Promise.all(users.map(async (user) => await lowered.publish(user)))
  for (const user of users) t.equal((await lowered.broker.replay(user, 'e-0')).count, 5)
})

t.test('what is kept of a broadcast in memory is its bytes and no more, and only while it is kept', async (t) => {
  const { journal, publish } = await setUp()

  await Promise.all(Array.from({ length: 20 }, async () => await publish(null)))

  const { notifications } = journal.reader.read(null, 0, 0, Infinity, 0)
  t.equal(notifications.length, 5)
  for (const { frame } of notifications) t.equal(frame.buffer.byteLength, frame.length)
})

t.test('more than may be under way are refused, and none of the others is lost', async (t) => {
  const { broker, publish } = await setUp()

  const outcomes = await Promise.allSettled(Array.from({ length: MAX_PUBLISHES + 2 }, async () => await publish('ada')))

  t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, MAX_PUBLISHES)
  for (const outcome of outcomes.slice(MAX_PUBLISHES)) t.match(outcome, { status: 'rejected', reason: { code: 'journal_unavailable' } })
  await publish('ada')
  await broker.settled()
})
