import { copyFileSync, mkdirSync, readFileSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Broker } from '../../../src/broker/broker.js'
import { openBroker } from '../../../src/broker/open.js'
import { limits } from '../../support/broker-model.js'

const openAt = async (folder: string, options: Partial<typeof limits & { now: () => number }> = {}) => await openBroker({
  now: Date.now,
  ...limits,
  ...options,
  url: `file:${folder}`,
  newEpoch: 'e',
  deliver: async () => ({ connections: 0, users: 0 }),
  onTrouble: (error) => { throw error }
})

const draft = (userId: string | null, tail = '"data":{}}') => ({ userId, excludeUser: null, ttlMs: undefined, tail, idempotency: undefined })
const dataOf = (length: number) => `"data":"${'x'.repeat(length)}"}`

t.test('what has gone leaves its room to what comes: the file levels off', async (t) => {
  const folder = t.testdir()
  const broker = await openAt(folder)
  /** Between the bursts, what has gone becomes room: the state that is held is changed every half a second, and two are held. */
  const publishBursts = async (bursts: number) => {
    for (let burst = 0; burst < bursts; burst++) {
      for (let i = 0; i < 20; i++) await Promise.all(Array.from({ length: 20 }, (_, i) => broker.publish(draft(i === 0 ? 'ben' : 'ada', dataOf(2000)))))
      for (let change = 0; change < 2; change++) await sleep(600)
    }
    return statSync(join(folder, 'journal.mdb')).size
  }

  const first = await publishBursts(2)
  const second = await publishBursts(4)
  await broker.close()

  t.ok(second <= first * 1.25, `${first} bytes after two bursts, ${second} after four more`)
})

t.test('what a process that is killed leaves behind of what has gone goes at its end, and counts for nothing', async (t) => {
  const folder = t.testdir()
  const left = join(folder, 'left')
  let now = 0
  const open = async (path: string) => await openAt(path, { now: () => now })
  const publish = async (broker: Broker, count: number) => {
    for (let i = 0; i < count; i++) await broker.publish(draft('ada'))
  }
  const maintainAt = async (broker: Broker, time: number) => {
    now = time
    broker.maintain()
    await broker.settled()
  }
  const first = await open(folder)
  await publish(first, 50)
  mkdirSync(left)
  copyFileSync(join(folder, 'journal.mdb'), join(left, 'journal.mdb')) // As it is where the process is killed now.
  await first.close()
  const stopped = await open(folder)
  t.ok((stopped.journalSize?.().entries ?? 0) < 50, 'a stop leaves none')
  await stopped.close()

  const second = await open(left)
  t.ok((second.journalSize?.().entries ?? 0) > 50, 'frames that were left')
  now = limits.retentionMs / 2
  await publish(second, 2)
  await maintainAt(second, limits.retentionMs)
  await publish(second, 2)
  const { count, gap } = await second.replay('ada', 'e-0')
  t.strictSame({ count, gap }, { count: limits.retentionPerUser, gap: true })
  for (const n of [3, 5]) await maintainAt(second, n * limits.retentionMs)
  t.equal(second.journalSize?.().entries, 4, 'layout, epoch, seq, floor')
  await second.close()
})

t.test('two brokers cannot have the same folder, in one process neither', async (t) => {
  const folder = t.testdir()
  const first = await openAt(folder)

  await t.rejects(openAt(folder), { name: 'BrokerError', message: /another process is using the folder/ })

  await first.close()
  await (await openAt(folder)).close()
})

t.test('who reads while the journal is trimmed and expires gets what is there, and is told what is not', async (t) => {
  const broker = await openAt(t.testdir(), { retentionMs: 300, retentionBroadcast: 50 })
  const until = Date.now() + 1000
  const publishing = Array.from({ length: 4 }, async (_, i) => {
    while (Date.now() < until) await broker.publish(draft(i === 0 ? 'ada' : null))
  })
  let reads = 0
  let gaps = 0
  const { gap, read } = await broker.replay('ada', 'e-0')
  t.notOk(gap, 'he was told of none')
  while (Date.now() < until) {
    for (let position = 0, complete = false; !complete; reads++) {
      const page = await read(position, 300)
      const seqs = page.notifications.map(({ seq }) => seq)
      if (seqs.some((seq, i) => seq <= (seqs[i - 1] ?? position))) t.fail(`${seqs.join()} after ${position}`)
      if (page.gap !== undefined) gaps++
      position = page.lastSeq
      complete = page.complete
      await new Promise((resolve) => { setImmediate(resolve) })
    }
  }
  await Promise.all(publishing)
  await broker.close()

  t.ok(reads > 100 && gaps > 0, `${reads} pages, ${gaps} with a gap`)
})

const PAGE = 4096

/** How many pages a journal has, and how many it says that it has, by the newer of its two heads (`MDB_meta`). */
function pagesOf (path: string): { has: number, says: number } {
  const bytes = readFileSync(path)
  const [newest] = [0, PAGE].map((head) => ({ last: bytes.readBigUInt64LE(head + 144), change: bytes.readBigUInt64LE(head + 152) })).sort((a, b) => Number(b.change - a.change))
  return { has: bytes.length / PAGE, says: Number(newest?.last) + 1 }
}

t.test('a journal that was stopped while its file is shorter than it says, as LMDB may leave it, is opened, and nothing is missing', async (t) => {
  const tail = '"data":{"title":"Hello"}}'
  let shorter = 0

  for (const [round, runs] of [[[50], [3, 120]], [[50], [3, 250]], [[100], [3, 150]], [[100], [3, 250]]].entries()) {
    const folder = join(t.testdir(), String(round))
    const open = async () => await openAt(folder, { now: () => 1e12 })
    let published = 0
    for (const batches of runs) {
      const broker = await open()
      for (const count of batches) {
        await Promise.all(Array.from({ length: count }, async (_, i) => await broker.publish(draft(i % 3 === 0 ? null : `user-${i % 5}`, tail))))
        published += count
      }
      await broker.close()
    }
    const { has, says } = pagesOf(join(folder, 'journal.mdb'))
    if (has < says) shorter++

    const broker = await open()
    const { seq, read } = await broker.replay('user-1', 'e-1')
    t.equal(seq, published)
    const { notifications } = await read(1, Infinity)
    t.equal(notifications.length, limits.retentionPerUser + limits.retentionBroadcast)
    t.ok(notifications.every(({ frame }) => frame.toString().endsWith(tail)))
    await broker.publish(draft('ada', tail))
    await broker.close()
  }

  t.ok(shorter > 0, `${shorter} were`)
})

t.test('a journal that lacks a page that it needs is refused each time, and stays as it is', async (t) => {
  const folder = t.testdir()
  const path = join(folder, 'journal.mdb')
  const broker = await openAt(folder)
  for (let i = 0; i < 20; i++) await broker.publish(draft(`user-${i}`, dataOf(20_000)))
  await broker.close()
  truncateSync(path, statSync(path).size - PAGE)
  const cut = readFileSync(path)

  for (let i = 0; i < 2; i++) await t.rejects(openAt(folder), { message: /journal\.mdb is damaged: its end is missing/ })
  t.ok(readFileSync(path).equals(cut))
})
