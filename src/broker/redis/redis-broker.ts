import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '../../errors.js'
import type { Broker, BrokerCallbacks, Draft, LinkState, Published, Reach, Replay } from '../broker.js'
import type { JournalOptions } from '../journal.js'
import { Trouble } from '../trouble.js'
import { Acks } from './acks.js'
import { type Ack, Calls } from './calls.js'
import { keepOutcome, outcomeOf } from './outcomes.js'
import { decodeAcks, decodeClose, decodePublished } from './messages.js'
import { REMOVE_AT_ONCE } from './library.js'
import { Publisher } from './publisher.js'
import { RedisCluster } from './redis-cluster.js'
import { RedisLink } from './redis-link.js'
import { RedisReader } from './redis-reader.js'
import { type Entered, register } from './registration.js'
import { Standing } from './standing.js'

export interface RedisBrokerOptions extends JournalOptions, BrokerCallbacks {
  url: string
  newEpoch: string
  now: () => number
}

/** How long a start waits for Redis; after that the node is there, and not ready. */
const START_MS = 3000

/** Messages of another journal that a node keeps until it is in it: who has sent them waits to be told how many sockets they reached. */
const MOST_HELD = 100

/** How long a node that stops waits until Redis has heard of it. */
const LEAVE_MS = 500

/** The broker of many nodes: everything is kept in Redis, and each change is one function there. See `library.ts`. */
export class RedisBroker implements Broker {
  readonly cluster: RedisCluster
  readonly #options: RedisBrokerOptions
  readonly #node = randomBytes(8).toString('hex')
  readonly #link: RedisLink
  readonly #calls = new Calls()
  readonly #publisher: Publisher
  readonly #reader: RedisReader
  readonly #standing: Standing
  #held: Buffer[] = []
  readonly #acks: Acks
  #sweeping: Promise<void> | undefined
  readonly #trouble: Trouble
  /** Redis can be reached, and keeps nothing. */
  readonly #refusal: Trouble

  private constructor (options: RedisBrokerOptions) {
    this.#options = options
    this.#standing = new Standing(options.newEpoch)
    this.#trouble = new Trouble(options.onTrouble)
    this.#refusal = new Trouble(options.onTrouble)
    this.#link = new RedisLink({
      url: options.url,
      node: this.#node,
      onMessage: (message) => {
        try {
          this.#receive(message)
        } catch (error) {
          options.onWarning?.(`what was published for this node cannot be read: ${String(error)}`)
        }
      },
      onHeard: (id) => { this.#standing.complete(id) },
      onResume: () => { this.#rejoinAll() },
      register: async () => await this.#register(),
      beat: async (text) => Number(await this.#link.call('beat', this.#node, text, this.#standing.epoch, this.#standing.heard)),
      onTrouble: (error) => { this.#trouble.note(error) },
      onWarning: (text) => { options.onWarning?.(text) }
    })
    this.cluster = new RedisCluster(this.#node, this.#link, this.#calls)
    this.#acks = new Acks(this.#link)
    this.#publisher = new Publisher({ ...options, node: this.#node, link: this.#link, standing: this.#standing, now: () => this.#now() })
    this.#reader = new RedisReader({ ...options, node: this.#node, link: this.#link, cluster: this.cluster, epoch: () => this.#standing.epoch, now: () => this.#now() })
  }

  /** Resolves when Redis is reached, or was not for a while: then it goes on being tried. */
  static async open (options: RedisBrokerOptions): Promise<RedisBroker> {
    const broker = new RedisBroker(options)
    const late = new AbortController()
    await Promise.race([broker.#link.whenReady(), sleep(START_MS, undefined, { signal: late.signal }).catch(() => {})])
    late.abort()
    return broker
  }

  get link (): LinkState { return this.#link }

  async publish (draft: Draft): Promise<Published> {
    if (!this.#link.ready) throw new AppError('journal_unavailable')

    const call = this.#calls.begin()
    try {
      const outcome = await this.#publisher.publish(draft, call.id)
      if (outcome === undefined) throw new AppError('journal_unavailable')
      if (outcome.status === 'failed') throw new Error(outcome.why)
      if (outcome.status === 'mismatch') throw new AppError('idempotency_mismatch')
      const { id } = outcome
      this.#standing.hear(id)
      if (outcome.status === 'repeated') return { id, ...await outcomeOf(this.#link, draft.idempotency?.key ?? ''), stored: true, repeated: true }

      this.#refusal.note(undefined)
      const { connections, users } = await call.reach(outcome.receivers)
      const published = { id, connections, users: Math.max(0, users - outcome.overlap), stored: true, repeated: false }
      if (draft.idempotency !== undefined) await keepOutcome(this.#link, draft.idempotency.key, published)
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
    return await this.#reader.replay(userId, lastEventId)
  }

  problem (): string | undefined {
    const text = this.#link.ready ? this.#refusal.text : this.#trouble.text ?? 'it was not reached yet'
    return text && `Redis: ${text}`
  }

  maintain (): void {
    this.#link.tick()
    this.#calls.giveUpLate()
    if (!this.#link.ready) return
    this.#link.call('check').then(() => { this.#refusal.note(undefined) }).catch((error: unknown) => {
      if (this.#link.ready) this.#refusal.note(error)
    })
    this.cluster.retry()
    this.#sweeping ??= this.#sweep().catch(() => {}).finally(() => { this.#sweeping = undefined }) // The next one will do it.
  }

  async settled (): Promise<void> {
    await this.#calls.settled()
    await this.#link.settled()
  }

  async close (): Promise<void> {
    const ticking = setInterval(() => { // Nobody calls `maintain` any more, and what is under way must come to an end.
      this.#calls.giveUpLate()
      this.#link.tick()
    }, LEAVE_MS)
    await this.#calls.settled()
    if (this.#link.ready) await Promise.race([this.#link.leave().catch(() => {}), sleep(LEAVE_MS)])
    clearInterval(ticking)
    await this.#link.close()
  }

  async #register (): Promise<number> {
    this.#held = []
    return await register({
      node: this.#node,
      link: this.#link,
      standing: this.#standing,
      cluster: this.cluster,
      onEnter: (journal) => { this.#enter(journal) }
    })
  }

  #enter (journal: Entered): void {
    if (journal.isAnother) {
      const told = this.cluster.connections?.welcomeAnew((userId) => this.#reader.replayAnew(userId, journal), Date.now()) ?? 0
      this.#options.onLost?.(told)
    }
    for (const message of this.#held.splice(0)) this.#receive(message)
  }

  async #sweep (): Promise<void> {
    while (this.#link.ready && await this.#link.call('sweep', this.#now(), this.#options.retentionMs, this.#node) as number >= REMOVE_AT_ONCE);
  }

  /** All nodes go by the clock of Redis. */
  #now (): number {
    return this.#options.now() + this.#link.clockAheadMs
  }

  #rejoinAll (): void {
    this.cluster.connections?.rejoinAll((userId) => this.#reader.readerOf(userId), this.#standing.completeTo)
  }

  #receive (message: Buffer): void {
    const acks = decodeAcks(message)
    if (acks !== undefined) {
      for (const ack of acks) this.#calls.acknowledge(ack)
      return
    }
    const close = decodeClose(message)
    if (close !== undefined) {
      const [node, call, userId] = close
      this.#answer(node, call, { connections: this.cluster.connections?.closeHere(userId) ?? 0, users: 0 })
      return
    }
    for (const { epoch, node, call, notification } of decodePublished(message)) {
      if (epoch !== this.#standing.epoch) {
        if (this.#held.length < MOST_HELD) this.#held.push(message)
        return
      }
      this.#standing.hear(notification.id)
      this.#options.deliver(notification).then((reach) => { this.#answer(node, call, reach) }).catch(this.#options.onTrouble)
    }
  }

  /** Tells the node that made a call how many sockets it concerned here. */
  #answer (node: string, call: string, { connections, users }: Reach): void {
    const ack: Ack = [call, connections, users]
    if (node === this.#node) this.#calls.acknowledge(ack)
    else this.#acks.add(node, ack)
  }
}
