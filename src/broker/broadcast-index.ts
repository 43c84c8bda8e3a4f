import type { Audience, Entry } from './audience.js'
import type { Notification } from './broker.js'

/** Bytes of the newest frames that are kept, so that a crowd that returns shares them instead of reading each for itself. */
const RECENT_BYTES = 16_777_216

/** What is kept of all broadcasts besides their frames, in `seq` order, in memory: everybody who comes back goes through them. */
export class BroadcastIndex {
  #entries: Entry[] = []
  /** Before it are some that are gone: to take them out, all the others are moved. */
  #start = 0
  readonly #recent = new Map<number, Buffer>()
  #recentBytes = 0

  add (entry: Entry): void {
    this.#entries.push(entry)
  }

  /** Makes the changes that were made to the audience of broadcasts, if there were any. */
  apply (audience: Audience | undefined): void {
    if (audience === undefined) return
    const { added, removed } = audience
    this.#entries.push(...added)
    for (const seq of removed) this.#dropFrame(seq)
    // Mostly the oldest go.
    while (removed.delete(this.#entries[this.#start]?.seq ?? -1)) this.#start++
    if (removed.size === 0 && this.#start <= this.#entries.length / 2) return
    this.#entries = this.#entries.filter(({ seq }, i) => i >= this.#start && !removed.has(seq))
    this.#start = 0
  }

  /** Keeps the frame of a new broadcast; the oldest go. */
  keepFrame ({ seq, frame }: Notification): void {
    this.#recent.set(seq, frame)
    this.#recentBytes += frame.length
    for (const oldest of this.#recent.keys()) {
      if (this.#recentBytes <= RECENT_BYTES) break
      this.#dropFrame(oldest)
    }
  }

  frameOf (seq: number): Buffer | undefined {
    return this.#recent.get(seq)
  }

  /** The first of those after `seq` that did not leave out this user. */
  after (seq: number, userId: string | null, limit: number): Entry[] {
    const found: Entry[] = []
    for (let i = this.#indexAfter(seq); i < this.#entries.length && found.length < limit; i++) {
      const entry = this.#entries[i]
      if (entry !== undefined && (userId === null || entry.excludeUser !== userId)) found.push(entry)
    }
    return found
  }

  /** How many of those there are that have not expired, and that have. */
  count (seq: number, userId: string | null, now: number): { there: number, expired: number } {
    const counts = { there: 0, expired: 0 }
    for (let i = this.#indexAfter(seq); i < this.#entries.length; i++) {
      const entry = this.#entries[i]
      if (entry === undefined || (userId !== null && entry.excludeUser === userId)) continue
      if (entry.expiresAt > now) counts.there++
      else counts.expired++
    }
    return counts
  }

  #dropFrame (seq: number): void {
    this.#recentBytes -= this.#recent.get(seq)?.length ?? 0
    this.#recent.delete(seq)
  }

  #indexAfter (seq: number): number {
    let low = this.#start
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#entries[middle]?.seq ?? Infinity) <= seq) low = middle + 1
      else high = middle
    }
    return low
  }
}
