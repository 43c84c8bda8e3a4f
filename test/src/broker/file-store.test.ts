import { copyFileSync, mkdirSync, statSync } from 'node:fs'
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

t.test('what has gone leaves its room to what comes: the file levels off', async (t) => {
  const folder = t.testdir()
  const broker = await openAt(folder)
  const draftTo = (userId: string) => ({ userId, excludeUser: null, ttlMs: undefined, tail: `"data":"${'x'.repeat(2000)}"}`, idempotency: undefined })
  /** Between the bursts, what has gone becomes room: the state that is held is changed every half a second, and two are held. */
  const publishBursts = async (bursts: number) => {
    for (let burst = 0; burst < bursts; burst++) {
      for (let i = 0; i < 20; i++) await Promise.all(Array.from({ length: 20 }, (_, i) => broker.publish(draftTo(i === 0 ? 'ben' : 'ada'))))
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
    for (let i = 0; i < count; i++) await broker.publish({ userId: 'ada', excludeUser: null, ttlMs: undefined, tail: '"data":{}}', idempotency: undefined })
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
  const draft = (userId: string | null) => ({ userId, excludeUser: null, ttlMs: undefined, tail: '"data":{}}', idempotency: undefined })
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
