import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '../errors.js'
import { type Broker, type BrokerCallbacks, type Draft, MAX_PUBLISHES, type Notification, type Published, type Reach, type Replay } from './broker.js'
import type { KeptOutcome } from './idempotency.js'
import type { Journal } from './journal.js'
import type { StoreSize } from './store.js'
import { Trouble } from './trouble.js'

/** Notifications that are kept in one write. */
const MAX_BATCH = 1000

/** A disk that takes longer hangs: nothing more is accepted until it answers. */
const HANGS_MS = 5000

/** How long a flushed write waits for company where a few came together before: it costs as much for one as for many. */
const GATHER_MS = 1
/** So many share the cost well enough; the next write waits for nobody. */
const GATHERED = 32

interface Waiting {
  draft: Draft
  resolve: (published: Promise<Published>) => void
  reject: (error: Error) => void
}

interface Outcome {
  key: string
  outcome: KeptOutcome
  done: () => void
}

export interface LocalBrokerOptions extends BrokerCallbacks {
  now: () => number
}

/** The broker of a single process: what waits while one write is under way goes into the next. */
export class LocalBroker implements Broker {
  readonly #journal: Journal
  readonly #options: LocalBrokerOptions
  #waiting: Waiting[] = []
  #outcomes: Outcome[] = []
  #maintenanceDue = false
  #work: Promise<void> | undefined
  #lastBatch = 0
  /** When the step of it began that is under way: some writes. */
  #stepSince: number | undefined
  #closed = false
  /** Calls with an idempotency key that are not answered yet. */
  readonly #unfinished = new Map<string, { fingerprint: string, published: Promise<Published> }>()
  /** `seq` of the newest notification that was handed over. */
  #delivered: number
  readonly #trouble: Trouble

  constructor (journal: Journal, options: LocalBrokerOptions) {
    this.#journal = journal
    this.#options = options
    this.#trouble = new Trouble(options.onTrouble)
    this.#delivered = journal.seq
  }

  publish (draft: Draft): Promise<Published> {
    if (this.#closed || this.#hangs || this.#waiting.length >= MAX_PUBLISHES) return Promise.reject(new AppError('journal_unavailable'))
    return draft.idempotency === undefined ? this.#enqueue(draft) : this.#publishKeyed(draft, draft.idempotency)
  }

  async #publishKeyed (draft: Draft, { key, fingerprint }: NonNullable<Draft['idempotency']>): Promise<Published> {
    const first = this.#unfinished.get(key) ?? this.#journal.outcomeOf(key, this.#options.now())
    if (first !== undefined) {
      if (first.fingerprint !== fingerprint) throw new AppError('idempotency_mismatch')
      return 'published' in first ? { ...await first.published, repeated: true } : this.#published(first, true)
    }

    const published = this.#publishOnce(draft, key, fingerprint)
    this.#unfinished.set(key, { fingerprint, published })
    try {
      return await published
    } finally {
      this.#unfinished.delete(key)
    }
  }

  async replay (userId: string | null, lastEventId: string | undefined): Promise<Replay> {
    return this.#journal.reader.replay(userId, lastEventId, this.#delivered, this.#options.now)
  }

  journalSize (): StoreSize {
    return this.#journal.size
  }

  problem (): string | undefined {
    return this.#trouble.text !== undefined ? 'notifications cannot be kept' : undefined
  }

  maintain (): void {
    if (this.#hangs) this.#trouble.note(new Error(`the disk has not answered for ${HANGS_MS / 1000} seconds`))
    this.#maintenanceDue = true
    this.#start()
  }

  async settled (): Promise<void> {
    while (this.#work !== undefined || this.#unfinished.size > 0) await (this.#work ?? nextTurn())
  }

  async close (): Promise<void> {
    this.#closed = true
    await this.settled()
    await this.#journal.close()
  }

  get #hangs (): boolean { return this.#stepSince !== undefined && performance.now() - this.#stepSince > HANGS_MS }

  #enqueue (draft: Draft): Promise<Published> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ draft, resolve, reject })
      this.#start()
    })
  }

  /** Answered when the outcome is kept too, so that a repeated call is told the same whatever happens in between. */
  async #publishOnce (draft: Draft, key: string, fingerprint: string): Promise<Published> {
    const published = await this.#enqueue(draft)
    const { id, connections, users } = published
    await new Promise<void>((resolve) => {
      this.#outcomes.push({ key, outcome: { fingerprint, id, connections, users }, done: resolve })
      this.#start()
    })
    return published
  }

  /** At the end of this turn, so that what it brings is kept, and delivered, together. */
  #start (): void {
    this.#work ??= nextTurn().then(async () => { await this.#run() })
  }

  async #run (): Promise<void> {
    while (this.#waiting.length > 0 || this.#outcomes.length > 0 || this.#maintenanceDue) {
      this.#stepSince = performance.now()
      if (this.#waiting.length > 0) {
        if (this.#journal.durable && this.#lastBatch > 1 && this.#lastBatch < GATHERED) await sleep(GATHER_MS)
        await this.#expireSome(Math.min(this.#waiting.length, MAX_BATCH)) // So that what has expired does not crowd out what has not.
        await this.#append(this.#waiting.splice(0, MAX_BATCH))
      }
      if (this.#outcomes.length > 0) await this.#keepOutcomes(this.#outcomes.splice(0))
      if (this.#maintenanceDue) {
        this.#maintenanceDue = false
        if (this.#trouble.text !== undefined) await this.#probe()
        await this.#expireSome()
      }
    }
    this.#work = this.#stepSince = undefined
  }

  async #append (batch: Waiting[]): Promise<void> {
    this.#lastBatch = batch.length
    try {
      const write = this.#journal.append(batch.map(({ draft }) => draft), this.#options.now())
      this.#options.onCommit?.(write)
      const notifications = await write
      this.#trouble.note(undefined)
      for (const [i, notification] of notifications.entries()) batch[i]?.resolve(this.#deliver(notification))
    } catch (error) {
      this.#trouble.note(error)
      for (const { reject } of batch) reject(new AppError('journal_unavailable'))
    }
  }

  async #deliver (notification: Notification): Promise<Published> {
    this.#delivered = notification.seq
    return this.#published({ id: notification.id, ...await this.#options.deliver(notification) }, false)
  }

  /** Without them a repeated call is told that the notification reached nobody, which is not worth an error to the first one. */
  async #keepOutcomes (outcomes: Outcome[]): Promise<void> {
    try {
      await this.#journal.keepOutcomes(outcomes.map(({ key, outcome }) => [key, outcome]), this.#options.now())
    } catch (error) {
      this.#trouble.note(error)
    }
    for (const { done } of outcomes) done()
  }

  async #expireSome (adding?: number): Promise<void> {
    try {
      const isMore = await this.#journal.expire(this.#options.now(), adding)
      this.#maintenanceDue ||= isMore
    } catch (error) {
      this.#trouble.note(error)
    }
    if (this.#maintenanceDue) await nextTurn()
  }

  /** So that it is known when there is room again, although nobody asks. */
  async #probe (): Promise<void> {
    try {
      await this.#journal.probe()
      this.#trouble.note(undefined)
    } catch (error) {
      this.#trouble.note(error)
    }
  }

  #published ({ id, connections, users }: Reach & { id: string }, repeated: boolean): Published {
    return { id, connections, users, stored: this.#journal.durable, repeated }
  }
}
