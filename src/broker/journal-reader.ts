import { Audience, EVERYBODY } from './audience.js'
import type { BroadcastIndex } from './broadcast-index.js'
import type { Page, Replay } from './broker.js'
import { goneFor } from './gone.js'
import { frameKey, type NotificationKey, notificationRange, type Place } from './journal-keys.js'
import type { Store } from './store.js'

/** Notifications that are read at once for one connection. */
const PAGE = 100

/** A notification without its frame. */
interface Kept extends Place {
  audience: string
}

interface Position {
  epoch: string
  /** The newest that is kept. */
  seq: number
  /** What is not after this may have gone without a trace of whom it concerned. */
  floor: number
}

/** What the journal has for who comes back. */
export class JournalReader {
  readonly #store: Store
  readonly #broadcasts: BroadcastIndex
  readonly #journal: Position

  constructor (store: Store, broadcasts: BroadcastIndex, journal: Position) {
    this.#store = store
    this.#broadcasts = broadcasts
    this.#journal = journal
  }

  /** See `Broker.replay`; `delivered` is the newest that was. */
  replay (userId: string | null, lastEventId: string | undefined, delivered: number, clock: () => number): Replay {
    const now = clock()
    const { epoch } = this.#journal
    const after = lastEventId === undefined ? delivered : this.#seqOf(lastEventId)
    const seq = lastEventId === undefined ? delivered : this.#journal.seq
    const survey = lastEventId === undefined ? { gap: false, count: 0 } : this.survey(userId, after ?? 0, now)
    const gap = survey.gap || after === undefined
    const told = gap ? seq : 0
    return {
      gap,
      count: survey.count,
      epoch,
      seq,
      connectionsElsewhere: 0,
      after: after ?? 0,
      read: async (position, maxBytes) => {
        const page = this.read(userId, position, now, maxBytes, told)
        if (!page.gap) return { ...page, gap: undefined }
        const gap = this.replay(userId, this.#idOf(position), delivered, clock)
        return { ...await gap.read(position, maxBytes), gap }
      }
    }
  }

  /** Whether something that concerned this user after `seq` has gone, and how much of it is there. */
  survey (userId: string | null, after: number, now: number): { gap: boolean, count: number } {
    let { there, expired } = this.#broadcasts.count(after, userId, now)
    for (const [, , , expiresAt] of this.#personalKeysAfter(userId, after)) {
      if (expiresAt > now) there++
      else expired++
    }
    return { gap: this.#hasGone(userId, after) || expired > 0, count: there }
  }

  /**
   * What concerns this user after `after` and had not expired at `now`: at most `PAGE`, and no more than `maxBytes` but for the first.
   * Of what may be missing up to the `seq` `told` he was told.
   */
  read (userId: string | null, after: number, now: number, maxBytes: number, told: number): Page<boolean> {
    const kept = this.#keptAfter(userId, after, PAGE + 1)
    const notifications: Page['notifications'] = []
    let lastSeq = kept.length > PAGE ? kept[PAGE - 1]?.seq ?? after : this.#journal.seq
    let bytes = 0
    for (const entry of kept.slice(0, PAGE)) {
      const { seq, expiresAt } = entry
      if (expiresAt <= now) continue
      const frame = this.#frameOf(entry)
      if (frame === undefined) continue // A broadcast that was removed a moment ago, which is found to be a gap.
      bytes += frame.length
      if (bytes > maxBytes && notifications.length > 0) {
        lastSeq = notifications.at(-1)?.seq ?? after
        break
      }
      notifications.push({ seq, id: this.#idOf(seq), frame })
    }
    return { notifications, lastSeq, complete: lastSeq === this.#journal.seq, gap: this.#hasGone(userId, Math.max(after, told)) }
  }

  #idOf (seq: number): string { return `${this.#journal.epoch}-${seq}` }

  /** The `seq` of an id; undefined for one that was never given. */
  #seqOf (id: string): number | undefined {
    const [, epoch, digits] = /^(.*)-(0|[1-9]\d{0,15})$/.exec(id) ?? []
    const seq = Number(digits)
    return epoch === this.#journal.epoch && seq <= this.#journal.seq ? seq : undefined
  }

  #hasGone (userId: string | null, after: number): boolean {
    if (after < this.#journal.floor) return true
    if (goneFor(Audience.load(this.#store, EVERYBODY).gone, userId) > after) return true
    return userId !== null && goneFor(Audience.load(this.#store, userId).gone, userId) > after
  }

  /** What concerns a user after a `seq`, in order: `limit` of each kind. */
  #keptAfter (userId: string | null, after: number, limit: number): Kept[] {
    const broadcasts = this.#broadcasts.after(after, userId, limit).map(({ seq, expiresAt }): Kept => ({ audience: EVERYBODY, seq, expiresAt }))
    if (userId === null) return broadcasts
    const personal = Array.from(this.#personalKeysAfter(userId, after, limit), ([, audience, seq, expiresAt]): Kept => ({ audience, seq, expiresAt }))
    return [...broadcasts, ...personal].sort((a, b) => a.seq - b.seq)
  }

  #personalKeysAfter (userId: string | null, after: number, limit?: number): Iterable<NotificationKey> {
    if (userId === null) return []
    return this.#store.keys(...notificationRange(userId, after + 1, this.#journal.seq), limit) as Iterable<NotificationKey>
  }

  #frameOf (kept: Kept): Buffer | undefined {
    const { audience, seq } = kept
    const recent = audience === EVERYBODY ? this.#broadcasts.frameOf(seq) : undefined
    return recent ?? this.#store.get(frameKey(audience, kept)) as Buffer | undefined
  }
}
