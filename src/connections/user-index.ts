import type { Connection } from './connection.js'
import { Roster } from './roster.js'

/** The connections that are open, by user: most users have one, which stands there by itself. */
export class UserIndex {
  readonly #users = new Map<string, Connection | Set<Connection>>()
  readonly #anonymous = new Set<Connection>()
  readonly roster = new Roster()
  #size = 0
  /** Changes whenever the names do. */
  version = 0

  get size (): number { return this.#size }
  get userCount (): number { return this.#users.size }
  get anonymousCount (): number { return this.#anonymous.size }

  add (connection: Connection): void {
    this.#size++
    const { userId } = connection
    if (userId === null) {
      this.#anonymous.add(connection)
      return
    }
    const own = this.#users.get(userId)
    if (own === undefined) {
      this.#users.set(userId, connection)
      this.version++
      return
    }
    this.roster.alone[connection.row] = 0
    if (own instanceof Set) {
      own.add(connection)
    } else {
      this.roster.alone[own.row] = 0
      this.#users.set(userId, new Set([own, connection]))
    }
  }

  delete (connection: Connection): void {
    this.#size--
    const { userId } = connection
    if (userId === null) {
      this.#anonymous.delete(connection)
      return
    }
    const own = this.#users.get(userId)
    if (own instanceof Set) own.delete(connection)
    if (own === connection || (own instanceof Set && own.size === 0)) {
      this.#users.delete(userId)
      this.version++
    }
  }

  countOf (userId: string): number {
    const own = this.#users.get(userId)
    return own === undefined ? 0 : own instanceof Set ? own.size : 1
  }

  /** The connections of one user. */
  of (userId: string): Iterable<Connection> {
    const own = this.#users.get(userId)
    return own === undefined ? [] : own instanceof Set ? own : [own]
  }

  names (): IterableIterator<string> {
    return this.#users.keys()
  }

  /** Calls `visit` for every connection. A generator would cost several times as much as what is done with most of them. */
  forEach (visit: (connection: Connection) => void): void {
    for (const group of this.#users.values()) {
      if (group instanceof Set) group.forEach(visit)
      else visit(group)
    }
    this.#anonymous.forEach(visit)
  }
}
