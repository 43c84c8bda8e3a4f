import { LruMap } from 'toad-cache'
import type { Audience, Entry } from './audience.js'

/** Audiences whose oldest notifications are known. */
const KNOWN = 1000

/** More of them are read of an audience that is trimmed again: to look for one costs as much as to find some. */
const READ_AHEAD = 32

/** The oldest notifications of the audiences that were trimmed last, which will be the next to go. */
export class OldestEntries {
  readonly #known = new LruMap<Entry[]>(KNOWN)
  readonly #read: (name: string, count: number) => Entry[]

  constructor (read: (name: string, count: number) => Entry[]) {
    this.#read = read
  }

  /** The first `count` of an audience, or all where there are fewer. */
  first (name: string, count: number): Entry[] {
    let known = this.#known.get(name)
    if (known === undefined || known.length < count) {
      known = this.#read(name, known === undefined ? count : count + READ_AHEAD)
      this.#known.set(name, known)
    }
    return known.slice(0, count)
  }

  /** Follows a change that was made. */
  apply ({ name, removed }: Audience): void {
    const known = this.#known.get(name)
    if (known !== undefined) this.#known.set(name, known.filter(({ seq }) => !removed.has(seq)))
  }
}
