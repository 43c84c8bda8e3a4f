import type { Connection } from './connection.js'

/** The connections that are open, by user: most users have one, which stands there by itself. */
export class UserIndex {
  readonly #users = new Map<string, Connection | Set<Connection>>()
  readonly #anonymous = new Set<Connection>()
  #size = 0
  /** Changes whenever the names do. */
  version = 0

  get size (): number { return this.#size }
  get userCount (): number { return this.#users.size }

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
    } else if (own instanceof Set) {
      own.add(connection)
    } else {
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

  /** All connections: those of one user together, the anonymous ones each by itself. May be added to and taken from meanwhile. */
  * groups (): Generator<Connection | Set<Connection>, undefined> {
    yield * this.#users.values()
    yield * this.#anonymous
    return undefined
  }

  * [Symbol.iterator] (): Generator<Connection> {
    for (const group of this.groups()) {
      if (group instanceof Set) yield * group
      else yield group
    }
  }
}
