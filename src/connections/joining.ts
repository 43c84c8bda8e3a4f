import type { Notification, Page, Replay } from '../broker/broker.js'

/**
 * A connection that notifications are not yet delivered to as they come. They are passed over, and read from the journal
 * behind what it has missed, until nothing is left to be read.
 */
export class Joining {
  #replay: Replay | undefined
  #reading = false
  #passedSeq = 0

  get welcomed (): boolean { return this.#replay !== undefined }

  /** Passes over a notification; says whether for the first time. */
  pass ({ seq }: Notification): boolean {
    const isNew = seq > this.#passedSeq
    if (isNew) this.#passedSeq = seq
    return isNew
  }

  start (replay: Replay): void {
    this.#replay = replay
  }

  /** Whether a connection that has everything up to this `seq` has all that was passed over. */
  isUpToDate (seq: number): boolean {
    return this.#passedSeq <= seq
  }

  /**
   * The next page; undefined while one is being read.
   * @throws when the journal cannot be read
   */
  async read (after: number, maxBytes: number): Promise<Page | undefined> {
    if (this.#replay === undefined || this.#reading) return undefined

    this.#reading = true
    const page = await this.#replay.read(after, maxBytes)
    this.#reading = false
    // Where something was said to be missing, it is no news that it is.
    return { ...page, gap: page.gap && !this.#replay.gap }
  }
}
