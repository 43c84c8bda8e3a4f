import type { Connection } from './connection.js'

/** Connections that are read a page for before everything else gets a turn: a few milliseconds' worth. */
const PAGES_AT_ONCE = 16

/** The connections that are replayed to: each gets a page in its turn, when its reader has taken the one before. */
export class Replays {
  readonly #onFailed: (connection: Connection, error: unknown) => void
  readonly #waiting = new Set<Connection>()
  #scheduled = false
  /** Notifications that were read for connections. */
  count = 0

  constructor (onFailed: (connection: Connection, error: unknown) => void) {
    this.#onFailed = onFailed
  }

  add (connection: Connection): void {
    this.#waiting.add(connection)
    if (this.#scheduled) return

    this.#scheduled = true
    setImmediate(() => { this.#readSome().catch(() => {}) }) // It does not fail: each failure is its connection's.
  }

  async #readSome (): Promise<void> {
    const chosen: Connection[] = []
    for (const connection of this.#waiting) {
      this.#waiting.delete(connection)
      if (chosen.push(connection) === PAGES_AT_ONCE) break
    }
    await Promise.all(chosen.map(async (connection) => {
      try {
        const read = await connection.readPage()
        this.count += read
      } catch (error) {
        this.#onFailed(connection, error)
      }
    }))
    this.#scheduled = false
    const [next] = this.#waiting
    if (next !== undefined) this.add(next)
  }
}
