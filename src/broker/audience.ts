import { addGone, type Gone, NOTHING_GONE } from './gone.js'
import { audienceKey, endKey } from './journal-keys.js'
import type { Change, Store } from './store.js'

/** The audience of broadcasts; every other is a user id. */
export const EVERYBODY = ''

/** What is kept of a notification besides its frame. */
export interface Entry {
  seq: number
  expiresAt: number
  excludeUser: string | null
}

type AudienceValue = [count: number, forgottenAt: number, ...gone: Gone]

/** How many notifications there are for an audience, and which have gone; with the changes that are being made. */
export class Audience {
  readonly name: string
  readonly added: Entry[] = []
  readonly removed = new Set<number>()
  count: number
  gone: Gone
  /** When nothing more need be known of an audience that is empty. */
  #forgottenAt: number
  #forget = false

  private constructor (name: string, [count, forgottenAt, ...gone]: AudienceValue) {
    this.name = name
    this.count = count
    this.gone = gone
    this.#forgottenAt = forgottenAt
  }

  static load (store: Store, name: string): Audience {
    return new Audience(name, (store.get(audienceKey(name)) as AudienceValue | undefined) ?? [0, 0, ...NOTHING_GONE])
  }

  add (entry: Entry): void {
    this.added.push(entry)
    this.count++
  }

  remove (seq: number, excludeUser: string | null): void {
    this.removed.add(seq)
    this.count--
    this.gone = addGone(this.gone, seq, excludeUser)
  }

  /** Whether it was to be forgotten at this time, and is still empty. */
  isForgotten (at: number): boolean {
    return this.count === 0 && this.removed.size === 0 && this.#forgottenAt === at
  }

  /** Returns up to where its notifications have gone. */
  forget (): number {
    this.#forget = true
    return this.gone[0]
  }

  /** The changes to the store; one that is empty now is to be forgotten at `forgetAt`. */
  changes (forgetAt: number): Change[] {
    const key = audienceKey(this.name)
    if (this.#forget && this.count === 0) return [{ key }]

    const changes: Change[] = []
    if (this.count === 0 && this.removed.size > 0) {
      if (this.#forgottenAt !== 0) changes.push({ key: endKey(this.#forgottenAt, 'a', this.name) })
      this.#forgottenAt = forgetAt
      changes.push({ key: endKey(forgetAt, 'a', this.name), value: true })
    }
    const value: AudienceValue = [this.count, this.#forgottenAt, ...this.gone]
    changes.push({ key, value })
    return changes
  }
}
