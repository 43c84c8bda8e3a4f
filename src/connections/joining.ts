import type { Notification, Page } from '../broker/broker.js'
import type { ReadPage } from '../broker/cluster.js'

/**
 * A connection that notifications are not yet delivered to as they come. They are passed over, and read from the journal
 * behind what it has missed, until nothing is left to be read.
 */
export class Joining {
  #readPage: ReadPage | undefined
  #reading = false
  #outdated = false
  #firstPassed = Infinity
  #passedSeq = 0

  get welcomed (): boolean { return this.#readPage !== undefined }

  /** Passes over a notification; says whether for the first time. */
  pass ({ seq }: Notification): boolean {
    const isNew = seq > this.#passedSeq
    if (isNew) this.#passedSeq = seq
    this.#firstPassed = Math.min(this.#firstPassed, seq)
    return isNew
  }

  /** The `seq` after which all is for a newcomer: `newest`, which the journal was found at, or what is right before the first that was passed over. */
  startAt (newest: number): number {
    return Math.min(newest, this.#firstPassed - 1)
  }

  /** What the journal has answered so far is not to be gone by. */
  outdate (): void { this.#outdated = true }

  /** Whether that was said; what the journal answers from here on is. */
  takeOutdated (): boolean {
    const outdated = this.#outdated
    this.#outdated = false
    return outdated
  }

  start (read: ReadPage): void { this.#readPage = read }

  /** Whether a connection that has everything up to this `seq` has all that was passed over. */
  isUpToDate (seq: number): boolean {
    return this.#passedSeq <= seq
  }

  /**
   * The next page; undefined while one is being read.
   * @throws when the journal cannot be read
   */
  async read (after: number, maxBytes: number): Promise<Page | undefined> {
    if (this.#readPage === undefined || this.#reading) return undefined

    this.#reading = true
    const page = await this.#readPage(after, maxBytes)
    this.#reading = false
    return page
  }
}
