import { encodeNotification } from '../protocol/server-frames.js'
import { Audience, type Entry, EVERYBODY } from './audience.js'
import { BroadcastIndex } from './broadcast-index.js'
import { BrokerError, type Draft, type Notification } from './broker.js'
import { expireKey, keepOutcome, type KeptOutcome, outcomeOf } from './idempotency.js'
import { endedRange, frameKey, LAYOUT, type NotificationKey, notificationKey, notificationRange } from './journal-keys.js'
import { JournalReader } from './journal-reader.js'
import { OldestEntries } from './oldest-entries.js'
import type { Change, Key, Store, StoreSize } from './store.js'

export interface JournalOptions {
  retentionMs: number
  /** Personal notifications kept for a user, and broadcasts. */
  retentionPerUser: number
  retentionBroadcast: number
  idempotencyMs: number
}

/** Entries that are removed at once, and for each that is added. */
const REMOVE_AT_ONCE = 200
const REMOVE_PER_ADDED = 4

/** So many frames wait to be removed. */
const TRIMMED_TOGETHER = 500

/** What is written to see whether anything can be: a small change finds a place where notifications find none. */
const PROBE_BYTES = 262_144

/** Notifications in their one order, as long as they are to be kept, with what belongs to them. One change at a time. */
export class Journal {
  readonly epoch: string
  readonly #store: Store
  readonly #options: JournalOptions
  readonly #broadcasts = new BroadcastIndex()
  readonly #oldest = new OldestEntries((name, count) => this.#readOldest(name, count))
  /** Frames whose notifications have been trimmed. They go together, for many share a page of the disk; those of a process that is killed go at their end. */
  readonly #trimmed: Key[] = []
  readonly reader: JournalReader
  /** The newest that is kept, and the newest that has ever been given out. */
  #seq: number
  #lastGiven: number
  /** What is not after this may have gone without a trace of whom it concerned. */
  #floor: number

  private constructor (store: Store, options: JournalOptions, epoch: string, seq: number) {
    this.#store = store
    this.#options = options
    this.epoch = epoch
    this.#seq = seq
    this.#lastGiven = seq
    this.#floor = number(store.get(['floor']))
    this.reader = new JournalReader(store, this.#broadcasts, this)
    for (const [key, excludeUser] of store.range(...notificationRange(EVERYBODY, 1, seq))) {
      const [, , seq, expiresAt] = key as NotificationKey
      this.#broadcasts.add({ seq, expiresAt, excludeUser: excludeUser as string | null })
    }
  }

  /** @throws BrokerError when the store is of another version */
  static async open (store: Store, options: JournalOptions, newEpoch: string): Promise<Journal> {
    const layout = store.get(['layout'])
    if (layout === undefined) await store.write([{ key: ['layout'], value: LAYOUT }, { key: ['epoch'], value: newEpoch }])
    else if (layout !== LAYOUT) throw new BrokerError(`its layout is ${String(layout)}, and this version reads ${LAYOUT}`)
    return new Journal(store, options, String(store.get(['epoch'])), number(store.get(['seq'])))
  }

  get seq (): number { return this.#seq }
  get floor (): number { return this.#floor }
  get durable (): boolean { return this.#store.durable }
  get size (): StoreSize { return this.#store.size() }

  /** Gives the drafts their places and keeps them, all or none. */
  async append (drafts: Draft[], now: number): Promise<Notification[]> {
    const changes: Change[] = []
    const audiences = new Map<string, Audience>()
    const notifications = drafts.map(({ userId, excludeUser, ttlMs = Infinity, tail, idempotency, traceparent }) => {
      const seq = ++this.#lastGiven
      const id = `${this.epoch}-${seq}`
      const frame = encodeNotification(id, tail)
      const expiresAt = now + Math.min(ttlMs, this.#options.retentionMs)
      const name = userId ?? EVERYBODY
      const entry: Entry = { seq, expiresAt, excludeUser }
      changes.push({ key: notificationKey(name, entry), value: excludeUser }, { key: frameKey(name, entry), value: frame })
      if (idempotency !== undefined) {
        changes.push(...this.#keep(idempotency.key, { fingerprint: idempotency.fingerprint, id, connections: 0, users: 0 }, now))
      }
      const audience = audiences.get(name) ?? Audience.load(this.#store, name)
      audiences.set(name, audience)
      audience.add(entry)
      const notification: Notification = { seq, id, userId, excludeUser, frame }
      if (traceparent !== undefined) notification.traceparent = traceparent
      return notification
    })
    const trimmed: Key[] = []
    for (const audience of audiences.values()) trimmed.push(...this.#trim(audience, changes, now, removable(audience.added.length) - trimmed.length))
    const removed = this.#trimmed.length >= TRIMMED_TOGETHER ? this.#removeTrimmed(changes, drafts.length) : 0
    changes.push({ key: ['seq'], value: this.#lastGiven })
    const seq = this.#lastGiven
    await this.#store.write(changes)
    this.#seq = seq
    this.#trimmed.splice(0, removed)
    this.#trimmed.push(...trimmed)
    for (const notification of notifications) {
      if (notification.userId === null) this.#broadcasts.keepFrame(notification)
    }
    this.#follow(audiences)
    return notifications
  }

  /** What was answered to the first call with this key. */
  outcomeOf (key: string, now: number): KeptOutcome | undefined {
    return outcomeOf(this.#store, key, now, this.#options.idempotencyMs)
  }

  /** Keeps outcomes that are known now. */
  async keepOutcomes (outcomes: Array<[key: string, outcome: KeptOutcome]>, now: number): Promise<void> {
    await this.#store.write(outcomes.flatMap(([key, outcome]) => this.#keep(key, outcome, now)))
  }

  /** Removes some of what has come to its end, more of it when `adding` so many drafts; says whether there is more. */
  async expire (now: number, adding = 0): Promise<boolean> {
    if (adding === 0) this.#store.check() // So that it is known although nobody asks.
    const atOnce = removable(adding)
    const due = [...this.#store.keys(...endedRange(now), atOnce)]
    const changes: Change[] = due.map((key) => ({ key }))
    const removed = adding === 0 ? this.#removeTrimmed(changes, 0) : 0
    if (changes.length === 0) return false

    const audiences = new Map<string, Audience>()
    let floor = this.#floor
    for (const [, expiresAt, kind, name, seq] of due as Array<[string, number, string, string, number]>) {
      if (kind === 'k') {
        changes.push(...expireKey(this.#store, name, expiresAt))
        continue
      }
      const key = notificationKey(name, { seq, expiresAt })
      const excludeUser = kind === 'n' ? this.#store.get(key) as string | null | undefined : null
      if (excludeUser === undefined) continue // It was trimmed, and its frame left behind.
      const audience = audiences.get(name) ?? Audience.load(this.#store, name)
      audiences.set(name, audience)
      if (kind === 'n') {
        audience.remove(seq, excludeUser)
        changes.push({ key })
      } else if (audience.isForgotten(expiresAt)) {
        floor = Math.max(floor, audience.forget())
      }
    }
    for (const audience of audiences.values()) changes.push(...audience.changes(now + this.#options.retentionMs))
    if (floor !== this.#floor) changes.push({ key: ['floor'], value: floor })
    await this.#store.write(changes)
    this.#trimmed.splice(0, removed)
    this.#floor = floor
    this.#follow(audiences)
    return due.length === atOnce || (adding === 0 && this.#trimmed.length > 0)
  }

  /** Writes something, and removes it, to see whether anything can be kept. */
  async probe (): Promise<void> {
    await this.#store.write([{ key: ['probe'], value: Buffer.alloc(PROBE_BYTES) }])
    await this.#store.write([{ key: ['probe'] }])
  }

  async close (): Promise<void> {
    if (this.#trimmed.length > 0) await this.#store.write(this.#trimmed.map((key) => ({ key }))).catch(() => {}) // They go at their end.
    await this.#store.close()
  }

  #readOldest (name: string, count: number): Entry[] {
    if (name === EVERYBODY) return this.#broadcasts.after(0, null, count)
    return Array.from(this.#store.keys(...notificationRange(name, 1, this.#seq), count) as Iterable<NotificationKey>, ([, , seq, expiresAt]) =>
      ({ seq, expiresAt, excludeUser: null }))
  }

  #keep (key: string, outcome: KeptOutcome, now: number): Change[] {
    return keepOutcome(this.#store, key, outcome, now, this.#options.idempotencyMs)
  }

  /** Removes the oldest of an audience that has more than it may, but no more than `most` and what was added makes up for; returns the keys of their frames. */
  #trim (audience: Audience, changes: Change[], now: number, most: number): Key[] {
    const { name, added } = audience
    const limit = name === EVERYBODY ? this.#options.retentionBroadcast : this.#options.retentionPerUser
    const excess = Math.min(audience.count - limit, Math.max(most, REMOVE_PER_ADDED * added.length))
    const trimmed = excess > 0 ? [...this.#oldest.first(name, excess), ...added].slice(0, excess) : []
    for (const entry of trimmed) {
      audience.remove(entry.seq, entry.excludeUser)
      changes.push({ key: notificationKey(name, entry) })
    }
    changes.push(...audience.changes(now + this.#options.retentionMs))
    return trimmed.map((entry) => frameKey(name, entry))
  }

  /** Says how many they are. */
  #removeTrimmed (changes: Change[], adding: number): number {
    const keys = this.#trimmed.slice(0, removable(adding))
    for (const key of keys) changes.push({ key })
    return keys.length
  }

  /** What is known besides the store follows the changes that were made to it. */
  #follow (audiences: Map<string, Audience>): void {
    for (const audience of audiences.values()) this.#oldest.apply(audience)
    this.#broadcasts.apply(audiences.get(EVERYBODY))
  }
}

/** However much is over a limit that was lowered, or has expired while nothing ran, it goes in parts. */
const removable = (added: number): number => REMOVE_AT_ONCE + REMOVE_PER_ADDED * added

const number = (value: unknown): number => typeof value === 'number' ? value : 0
