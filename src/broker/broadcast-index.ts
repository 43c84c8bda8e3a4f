import type { Audience, Entry } from './audience.js'

/** What is kept of all broadcasts besides their frames, in `seq` order, in memory: everybody who comes back goes through them. */
export class BroadcastIndex {
  #entries: Entry[] = []

  add (entry: Entry): void {
    this.#entries.push(entry)
  }

  /** Makes the changes that were made to the audience of broadcasts, if there were any. */
  apply (audience: Audience | undefined): void {
    if (audience === undefined) return
    const { added, removed } = audience
    this.#entries.push(...added)
    // Mostly the oldest go.
    let first = 0
    while (removed.delete(this.#entries[first]?.seq ?? -1)) first++
    this.#entries.splice(0, first)
    if (removed.size > 0) this.#entries = this.#entries.filter(({ seq }) => !removed.has(seq))
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

  #indexAfter (seq: number): number {
    let low = 0
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#entries[middle]?.seq ?? Infinity) <= seq) low = middle + 1
      else high = middle
    }
    return low
  }
}
