import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import type { Test } from 'tap'
import type { Broker, Deliver, Draft, Published } from '../../src/broker/broker.js'
import type { ReadPage } from '../../src/broker/cluster.js'
import { ConnectionManager } from '../../src/connections/connection-manager.js'
import { encodeNotificationTail } from '../../src/protocol/server-frames.js'
import { FakeTransport } from './fake-transport.js'
import { managerOptions } from './manager-options.js'
import { turns } from './turn.js'

/** What every broker is run with here: little is kept, so that much goes. */
export const limits = { retentionMs: 10_000, retentionPerUser: 3, retentionBroadcast: 4, idempotencyMs: 5_000 }

/** Opens the broker that is tested; once more, after its `close`, is a restart. */
export type Open = (options: { now: () => number, deliver: Deliver, start: number }) => Promise<Broker>

type Operation =
  | { do: 'publish', audience: number, exclude: number, ttl: number | undefined, key: number | undefined, body: number, times: number }
  | { do: 'connect' | 'cut', client: number }
  | { do: 'wait', ms: number, expire: boolean }
  | { do: 'restart' }

const PATIENCE_MS = 1000

/** None is slow. */
const options = { ...managerOptions, maxBufferedBytes: 1_000_000 }

const USERS = ['ada', 'ben']
/** One of each user, a second one of the first, and an anonymous one. */
const CLIENTS = [...USERS, 'ada', null]

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      audience: fc.integer({ min: 0, max: 2 * USERS.length - 1 }), // Beyond the users: everybody.
      exclude: fc.integer({ min: 0, max: 2 * USERS.length - 1 }), // Beyond the users: nobody.
      ttl: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined, freq: 2 }),
      key: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined, freq: 3 }),
      body: fc.integer({ min: 1, max: 2 }),
      times: fc.constantFrom(1, 1, 1, 2, 5)
    })
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('connect' as const, 'cut' as const), client: fc.nat(CLIENTS.length - 1) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 4_000 }), expire: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) }
)

interface Sent {
  epoch: number
  seq: number
  id: string
  userId: string | null
  excludeUser: string | null
  expiresAt: number
  trimmed: boolean
}

interface Client {
  userId: string | null
  /** Ids that it has got since it was first connected, and where it would resume. */
  got: string[]
  cursor: string | undefined
  disconnect: (() => void) | undefined
  transport: FakeTransport
}

/** A broker, and beside it the simplest thing that says what it should do. `keeps`: what was kept outlives a restart. */
class Run {
  readonly #open: Open
  readonly #keeps: boolean
  #now = 1_000_000
  #starts = 0
  #epoch = 0
  #broker!: Broker
  #connections = new ConnectionManager(options)
  #sent: Sent[] = []
  readonly #keys = new Map<string, { body: string, outcome: Published, until: number }>()
  readonly #clients: Client[] = CLIENTS.map((userId) => ({ userId, got: [], cursor: undefined, disconnect: undefined, transport: new FakeTransport() }))

  constructor (open: Open, keeps: boolean) {
    this.#open = open
    this.#keeps = keeps
  }

  async start (): Promise<void> {
    const connections = this.#connections = new ConnectionManager(options)
    this.#broker = await this.#open({ now: () => this.#now, deliver: async (notification) => await connections.deliver(notification), start: this.#starts++ })
  }

  async stop (): Promise<void> {
    await this.#broker.close()
  }

  async apply (operation: Operation): Promise<void> {
    switch (operation.do) {
      case 'publish': await this.#publish(operation); break
      case 'connect': await this.#connect(this.#clientAt(operation.client)); break
      case 'cut': this.#cut(this.#clientAt(operation.client)); break
      case 'wait':
        await this.#broker.settled() // Outcomes are kept after they are answered.
        this.#now += operation.ms
        if (operation.expire) this.#broker.maintain()
        break
      case 'restart':
        for (const client of this.#clients) this.#cut(client)
        await this.stop()
        if (!this.#keeps) {
          this.#epoch++
          this.#keys.clear()
        }
        await this.start()
    }
    await turns(3)
  }

  async #publish ({ audience, exclude, ttl, key, body, times }: Extract<Operation, { do: 'publish' }>): Promise<void> {
    const userId = USERS[audience] ?? null
    const excludeUser = userId === null ? USERS[exclude] ?? null : null
    const draft: Draft = {
      userId,
      excludeUser,
      ttlMs: ttl === undefined ? undefined : ttl * 1000,
      tail: encodeNotificationTail({ notification_type: 'info', data: { body }, timestamp: '' }),
      idempotency: key === undefined ? undefined : { key: `${userId ?? ''} ${key}`, fingerprint: `${body} ${String(excludeUser)} ${String(ttl)}` }
    }
    const calls = Array.from({ length: times }, () => this.#broker.publish(draft))
    if (draft.idempotency !== undefined) {
      await this.#checkKeyed(draft, draft.idempotency, calls)
      return
    }
    for (const outcome of await Promise.all(calls)) this.#checkPublished(draft, outcome)
    await this.#checkReceived()
  }

  async #checkKeyed (draft: Draft, { key, fingerprint }: { key: string, fingerprint: string }, calls: Array<Promise<Published>>): Promise<void> {
    const known = this.#keys.get(key)
    const valid = known !== undefined && known.until > this.#now ? known : undefined
    if (valid !== undefined && valid.body !== fingerprint) {
      for (const call of calls) await assert.rejects(call, { code: 'idempotency_mismatch' })
      return
    }
    const [first, ...others] = await Promise.all(calls)
    if (first === undefined) return
    if (valid === undefined) {
      this.#checkPublished(draft, first)
      this.#keys.set(key, { body: fingerprint, outcome: first, until: this.#now + limits.idempotencyMs })
    } else {
      assert.deepEqual(first, { ...valid.outcome, repeated: true })
    }
    for (const other of others) assert.deepEqual(other, { ...first, repeated: true })
    await this.#checkReceived()
  }

  #checkPublished ({ userId, excludeUser, ttlMs = Infinity }: Draft, { id, connections, stored, repeated }: Published): void {
    const seq = Number(id.split('-')[1])
    const sent = { epoch: this.#epoch, seq, id, userId, excludeUser, expiresAt: this.#now + Math.min(ttlMs, limits.retentionMs), trimmed: false }
    if (seq <= (this.#ofThisEpoch().at(-1)?.seq ?? 0)) throw new Error(`${id} is not beyond the one before it`)
    this.#sent.push(sent)
    const audience = this.#ofThisEpoch().filter((other) => other.userId === userId && !other.trimmed && !this.#hasBeenRemoved(other))
    const excess = audience.length - (userId === null ? limits.retentionBroadcast : limits.retentionPerUser)
    for (const old of audience.slice(0, Math.max(0, excess))) old.trimmed = true

    const reached = this.#clients.filter((client) => client.disconnect !== undefined && concerns(sent, client))
    if (connections !== reached.length) throw new Error(`${id} was handed to ${connections} and not ${reached.length}`)
    if (stored !== this.#keeps || repeated) throw new Error(`${id}: stored ${String(stored)}, repeated ${String(repeated)}`)
    for (const client of reached) client.got.push(id)
  }

  /** What the sockets were sent is what the model says. */
  async #checkReceived (): Promise<void> {
    await turns(2)
    for (const client of this.#clients) {
      if (client.disconnect === undefined) continue
      const received = () => client.transport.sent.filter(({ type }) => type === 'notification').map(({ id }) => String(id))
      for (let waits = 0; received().length < client.got.length && waits < PATIENCE_MS; waits++) await sleep(1) // For who reads over a network.
      const ids = received()
      if (ids.join() !== client.got.join()) throw new Error(`${String(client.userId)} got ${ids.join()}, and not ${client.got.join()}`)
      if (client.got.length > 0) client.cursor = client.got.at(-1)
    }
  }

  async #connect (client: Client): Promise<void> {
    if (client.disconnect !== undefined) return

    const transport = new FakeTransport()
    const connection = this.#connections.open({ userId: client.userId, seesNames: false }, transport, this.#now)
    const { cursor } = client
    const replay = await this.#broker.replay(client.userId, cursor)
    const reading = { complete: cursor === undefined }
    const read: ReadPage = async (...args) => {
      const page = await replay.read(...args)
      reading.complete = page.complete
      return page
    }
    connection.welcome({ ...replay, read }, cursor === undefined ? 'none' : replay.gap ? 'gap' : 'caught_up', 1, this.#now)
    Object.assign(client, { transport, disconnect: () => { this.#connections.closed(connection, 1006, '') } })

    const known = cursor === undefined ? undefined : this.#seqOf(cursor)
    const after = known ?? 0
    const missed = cursor === undefined ? [] : this.#ofThisEpoch().filter((sent) => sent.seq > after && concerns(sent, client))
    const there = missed.filter((sent) => !sent.trimmed && sent.expiresAt > this.#now)
    client.got = there.map(({ id }) => id)
    if (replay.count !== there.length) throw new Error(`${String(client.userId)} after ${String(cursor)}: ${replay.count} are replayed and not ${there.length}`)
    const gap = cursor !== undefined && (known === undefined || there.length < missed.length)
    // An id from before all that is kept may be answered with a gap although nothing for this user was lost.
    const old = this.#ofThisEpoch().some(({ seq, expiresAt }) => seq > after && expiresAt + limits.retentionMs <= this.#now)
    if (replay.gap !== gap && !(replay.gap && old && cursor !== undefined)) throw new Error(`${String(client.userId)} after ${String(cursor)}: gap ${String(replay.gap)}`)
    // With as little kept as here, what is published next could be gone before it is read.
    for (let waits = 0; !reading.complete && waits < PATIENCE_MS; waits++) await sleep(1)
    await turns(6)
    await this.#checkReceived()
    client.cursor = client.got.at(-1) ?? (replay.gap || cursor === undefined ? `${replay.epoch}-${replay.seq}` : cursor)
  }

  #cut (client: Client): void {
    client.disconnect?.()
    client.disconnect = undefined
  }

  #clientAt (i: number): Client {
    const client = this.#clients[i]
    if (client === undefined) throw new Error(`there is no client ${i}`)
    return client
  }

  #ofThisEpoch (): Sent[] {
    return this.#sent.filter(({ epoch }) => epoch === this.#epoch)
  }

  /** Undefined: of another epoch. An id that was the newest of an empty journal is `…-0`. */
  #seqOf (cursor: string): number | undefined {
    const own = this.#ofThisEpoch()
    const [epoch, seq] = cursor.split('-')
    const [current] = (own[0]?.id ?? this.#emptyId()).split('-')
    return epoch === current ? Number(seq) : undefined
  }

  #emptyId (): string {
    return `epoch${this.#keeps ? 0 : this.#epoch}-0`
  }

  #hasBeenRemoved ({ expiresAt }: Sent): boolean {
    return expiresAt <= this.#now
  }
}

const concerns = ({ userId, excludeUser }: Sent, client: Client): boolean =>
  userId === null ? client.userId === null || client.userId !== excludeUser : client.userId === userId

/** Runs random operations against a broker and the model. `keeps`: what was kept outlives a restart. */
export async function testAgainstModel (t: Test, { keeps, runs, open }: { keeps: boolean, runs: number, open: () => Promise<Open> }): Promise<void> {
  await fc.assert(fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 80 }), async (operations) => {
    const run = new Run(await open(), keeps)
    await run.start()
    try {
      for (const operation of operations) await run.apply(operation)
    } finally {
      await run.stop()
    }
  }), { numRuns: runs })
  t.pass(`${runs} runs`)
}
