import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '../../errors.js'
import type { Broker, Deliver, Draft, Published, Reach, Replay } from '../broker.js'
import type { ReadPage } from '../cluster.js'
import type { JournalOptions } from '../journal.js'
import { Trouble } from '../trouble.js'
import { type Ack, Calls } from './calls.js'
import { decodeAck, decodePage, decodePublished, encodeAck } from './messages.js'
import { RedisCluster } from './redis-cluster.js'
import { RedisLink } from './redis-link.js'

export interface RedisBrokerOptions extends JournalOptions {
  url: string
  newEpoch: string
  now: () => number
  deliver: Deliver
  onTrouble: (error: unknown) => void
}

/** How long a start waits for Redis; after that the node is there, and not ready. */
const START_MS = 3000

/** How often it is looked whether a call that another node answers has its outcome, and how long. */
const POLL_MS = 10
const MAX_POLLS = 150

/** The broker of many nodes: everything is kept in Redis, and each change is one function there. See `library.ts`. */
export class RedisBroker implements Broker {
  readonly cluster: RedisCluster
  readonly #options: RedisBrokerOptions
  readonly #node = randomBytes(8).toString('hex')
  readonly #link: RedisLink
  readonly #calls = new Calls()
  #epoch = ''
  /** What a journal is called that begins with a call of this node. */
  #newEpoch: string
  #epochs = 0
  /** The highest `seq` that was heard of. */
  #heard = 0
  readonly #trouble: Trouble
  /** Redis can be reached, and keeps nothing. */
  readonly #refusal: Trouble

  private constructor (options: RedisBrokerOptions) {
    this.#options = options
    this.#newEpoch = options.newEpoch
    this.#trouble = new Trouble(options.onTrouble, 'it was not reached yet')
    this.#refusal = new Trouble(options.onTrouble)
    this.#link = new RedisLink({
      url: options.url,
      node: this.#node,
      onMessage: (message) => { this.#receive(message) },
      onResume: () => { this.#rejoinAll(false) },
      register: async () => { await this.#register() },
      beat: async (text) => await this.#link.call('beat', this.#node, this.#newEpoch, text) === 1,
      onTrouble: (error) => { this.#trouble.note(error) }
    })
    this.cluster = new RedisCluster(this.#node, async (name, ...args) => await this.#link.call(name, ...args), () => { this.#link.forgotten() })
  }

  /** Resolves when Redis is reached, or was not for a while: then it goes on being tried. */
  static async open (options: RedisBrokerOptions): Promise<RedisBroker> {
    const broker = new RedisBroker(options)
    const late = new AbortController()
    await Promise.race([broker.#link.whenReady(), sleep(START_MS, undefined, { signal: late.signal }).catch(() => {})])
    late.abort()
    return broker
  }

  async publish (draft: Draft): Promise<Published> {
    const { userId, excludeUser, ttlMs, tail, idempotency } = draft
    if (!this.#link.ready) throw new AppError('journal_unavailable')

    const { retentionMs, retentionPerUser, retentionBroadcast, idempotencyMs, now } = this.#options
    const call = this.#calls.begin()
    try {
      const [status, id, receivers, overlap] = await this.#link.call('publish', this.#node, call.id, this.#newEpoch, now(), retentionMs,
        userId ?? '', excludeUser ?? '', Math.min(ttlMs ?? Infinity, retentionMs), userId === null ? retentionBroadcast : retentionPerUser, tail,
        idempotency?.key ?? '', idempotency?.fingerprint ?? '', idempotencyMs) as [Buffer, Buffer, number, number]
      if (String(status) === 'mismatch') throw new AppError('idempotency_mismatch')
      if (String(status) === 'repeated') return await this.#repeat(String(id), idempotency?.key ?? '')

      this.#refusal.note(undefined)
      this.#hear(String(id))
      const { connections, users } = await call.reach(receivers)
      const published = { id: String(id), connections, users: Math.max(0, users - overlap), stored: true, repeated: false }
      if (idempotency !== undefined) await this.#link.call('keep_outcome', idempotency.key, published.connections, published.users)
      return published
    } catch (error) {
      if (error instanceof AppError) throw error
      if (this.#link.ready) this.#refusal.note(error)
      throw new AppError('journal_unavailable')
    } finally {
      call.end()
    }
  }

  async replay (userId: string | null, lastEventId: string | undefined): Promise<Replay> {
    const [, epoch = '?', after = '0'] = /^(.*)-(0|[1-9]\d{0,14})$/.exec(lastEventId ?? '') ?? []
    const survey = async () => {
      const attached = userId === null ? undefined : this.cluster.attach(userId) // Before the survey: they are answered in this order.
      const [answer] = await Promise.all([this.#link.call('survey', this.#node, userId ?? '', this.#options.now(), lastEventId === undefined ? '' : epoch || '?', after), attached])
      return answer
    }
    const [current, seq, gap, count, from, connectionsElsewhere] = await this.#insist(survey) as [Buffer, Buffer, number, number, Buffer, number]
    return {
      gap: gap === 1,
      count,
      lastEventId: `${String(current)}-${String(seq)}`,
      after: Number(from),
      connectionsElsewhere,
      read: this.#reader(userId)
    }
  }

  problem (): string | undefined {
    const text = this.#link.ready ? this.#refusal.text : this.#trouble.text ?? 'what was missed is being found out'
    return text && `Redis: ${text}`
  }

  maintain (): void {
    this.#link.tick()
    this.#calls.giveUpLate()
    if (!this.#link.ready) return
    if (this.#refusal.text !== undefined) this.#link.call('check').then(() => { this.#refusal.note(undefined) }).catch(() => {}) // As before.
    this.#link.call('expire', this.#options.now(), this.#options.retentionMs).catch(() => {}) // The next one will do it.
  }

  async settled (): Promise<void> {
    await this.#calls.settled()
    await this.#link.settled()
  }

  async close (): Promise<void> {
    await this.#calls.settled()
    if (this.#link.ready) await this.#link.call('leave', this.#node).catch(() => {})
    await this.#link.close()
  }

  async #register (): Promise<void> {
    const [epoch] = await this.#link.call('hello', this.#node, this.#newEpoch, this.#epoch, this.#heard) as [Buffer]
    this.#enter(String(epoch))
    await this.cluster.tellAll()
  }

  /** The journal is of this epoch; where it was of another one before, all of it is new. */
  #enter (epoch: string): void {
    if (epoch === this.#epoch) return
    const afresh = this.#epoch !== ''
    this.#epoch = epoch
    this.#newEpoch = `${this.#options.newEpoch}${(++this.#epochs).toString(36)}`
    this.#heard = 0
    if (afresh) this.#rejoinAll(true)
  }

  #rejoinAll (afresh: boolean): void {
    this.cluster.connections?.rejoinAll((userId) => this.#reader(userId), afresh)
  }

  #hear (id: string): void {
    const seq = Number(id.slice(id.lastIndexOf('-') + 1))
    if (id.startsWith(`${this.#epoch}-`)) this.#heard = Math.max(this.#heard, seq)
  }

  #receive (message: Buffer): void {
    const ack = decodeAck(message)
    if (ack !== undefined) {
      this.#calls.acknowledge(ack)
      return
    }
    const { epoch, node, call, notification } = decodePublished(message)
    this.#enter(epoch)
    this.#hear(notification.id)
    this.#options.deliver(notification).then((reach) => { this.#answer(node, call, reach) }).catch(this.#options.onTrouble)
  }

  /** Tells the node that published a notification how many it was handed to here. */
  #answer (node: string, call: string, { connections, users }: Reach): void {
    const ack: Ack = [call, connections, users]
    if (node === this.#node) this.#calls.acknowledge(ack)
    else this.#link.publish(node, encodeAck(ack)).catch(() => {}) // It stops waiting by itself.
  }

  /** Another call with the same key has published it, and may not have been answered yet. */
  async #repeat (id: string, key: string): Promise<Published> {
    let outcome: number[] = []
    for (let poll = 0; outcome.length === 0 && poll < MAX_POLLS; poll++) {
      if (poll > 0) await sleep(POLL_MS)
      outcome = await this.#link.call('outcome', key) as number[]
    }
    const [connections = 0, users = 0] = outcome
    return { id, connections, users, stored: true, repeated: true }
  }

  #reader (userId: string | null): ReadPage {
    return async (after, maxBytes) => {
      const read = async () => await this.#link.call('read', userId ?? '', this.#options.now(), after, Math.floor(maxBytes))
      return decodePage(await this.#insist(read))
    }
  }

  /** Reads until there is an answer: a socket that waits for it stays open, however long Redis is away. */
  async #insist (read: () => Promise<unknown>): Promise<unknown> {
    for (;;) {
      await this.#link.whenReady()
      try {
        return await read()
      } catch (error) {
        if (this.#link.closed) throw error
        await sleep(POLL_MS)
      }
    }
  }
}
