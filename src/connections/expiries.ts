import type { Connection } from './connection.js'
import type { UserIndex } from './user-index.js'

export interface ExpiryOptions {
  /** How long a connection stays after its token has expired. */
  tokenGraceMs: number
}

/** How far ahead it is known who will be due: all connections are gone through once in that time. */
const AHEAD_MS = 60_000

/** Connections that one sweep ends: where many tokens expire together, their clients do not come back together. */
const AT_ONCE = 25

/** Ends the connections whose token has expired. Of the others nothing is kept but that time, which stands in the connection. */
export class Expiries {
  readonly #graceMs: number
  /** Who is due up to here stands in `#soon`. */
  #knownUntil = -Infinity
  /** By the second that they are due in. */
  readonly #soon = new Map<number, Set<Connection>>()
  readonly #due = new Set<Connection>()

  constructor ({ tokenGraceMs }: ExpiryOptions) {
    this.#graceMs = tokenGraceMs
  }

  /** A connection was opened, or has a fresh token. */
  add (connection: Connection): void {
    const dueAt = this.#dueAt(connection)
    if (dueAt > this.#knownUntil) return
    const second = Math.ceil(dueAt / 1000)
    const others = this.#soon.get(second)
    if (others === undefined) this.#soon.set(second, new Set([connection]))
    else others.add(connection)
  }

  /** A connection has ended, or its token is about to be replaced. */
  delete (connection: Connection): void {
    this.#soon.get(Math.ceil(this.#dueAt(connection) / 1000))?.delete(connection)
    this.#due.delete(connection)
  }

  /** Ends some of those that are due, and returns whether there are more. To be called when a second begins: nobody is due within one. */
  sweep (connections: UserIndex, now: number): boolean {
    if (now >= this.#knownUntil) {
      const before = this.#knownUntil
      this.#knownUntil = now + AHEAD_MS
      connections.forEach((connection) => { if (this.#dueAt(connection) > before) this.add(connection) })
    }
    for (const [second, found] of this.#soon) {
      if (second * 1000 > now) continue
      this.#soon.delete(second)
      for (const connection of found) this.#due.add(connection)
    }
    let left = AT_ONCE
    for (const connection of this.#due) {
      if (left-- === 0) break
      connection.close('token_expired')
    }
    return this.#due.size > 0
  }

  #dueAt ({ expiresAt = Infinity }: Connection): number {
    return expiresAt + this.#graceMs
  }
}
