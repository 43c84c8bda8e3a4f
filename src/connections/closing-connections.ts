import type { Connection } from './connection.js'

/** Connections that have ended while their sockets are still shaking hands. */
export class ClosingConnections {
  readonly #all = new Set<Connection>()
  readonly #counts = new Map<string | null, number>()

  get size (): number { return this.#all.size }

  countOf (userId: string | null): number { return this.#counts.get(userId) ?? 0 }

  add (connection: Connection): void {
    this.#all.add(connection)
    this.#count(connection, 1)
  }

  /** Says whether it was one of them. */
  delete (connection: Connection): boolean {
    const isKnown = this.#all.delete(connection)
    if (isKnown) this.#count(connection, -1)
    return isKnown
  }

  forEach (visit: (connection: Connection) => void): void { this.#all.forEach(visit) }

  #count ({ userId }: Connection, change: 1 | -1): void {
    const count = this.countOf(userId) + change
    if (count === 0) this.#counts.delete(userId)
    else this.#counts.set(userId, count)
  }
}
