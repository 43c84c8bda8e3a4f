import type { Identity } from '../access/identity.js'
import type { Notification, Reach } from '../broker/broker.js'
import { AppError, type CloseCode } from '../errors.js'
import { MAX_LISTED_USERS } from '../protocol/fields.js'
import type { StatsReply } from '../protocol/rest.js'
import { Connection, type ConnectionLimits, type End } from './connection.js'
import { type HeartbeatOptions, Heartbeats } from './heartbeats.js'
import type { Transport } from './transport.js'

export interface ConnectionManagerOptions extends ConnectionLimits, HeartbeatOptions {
  /** Begins every connection's id: another one for every process. */
  idPrefix: string
  maxConnections: number
  maxConnectionsPerUser: number
  onEnd?: (connection: Connection, end: End) => void
}

/** Who is here, and fan-out to them. */
export class ConnectionManager {
  readonly #options: ConnectionManagerOptions
  readonly #connections = new Set<Connection>()
  readonly #heartbeats: Heartbeats
  readonly #users = new Map<string, Set<Connection>>()
  /** Ended, but the socket is still shaking hands. */
  readonly #closing = new Set<Connection>()
  #lastId = 0
  #stopping = false
  #onDrained: (() => void) | undefined

  constructor (options: ConnectionManagerOptions) {
    this.#options = options
    this.#heartbeats = new Heartbeats(options)
  }

  /**
   * Checks that one more connection of this user (null: anonymous) may be opened.
   * @throws AppError `shutting_down`, `server_full`, `too_many_connections`
   */
  admit (userId: string | null): void {
    if (this.#stopping) throw new AppError('shutting_down')
    if (Math.max(this.#connections.size, this.#closing.size) >= this.#options.maxConnections) throw new AppError('server_full')
    if (userId !== null && this.getUserConnectionsCount(userId) >= this.#options.maxConnectionsPerUser) {
      throw new AppError('too_many_connections')
    }
  }

  open (identity: Identity, transport: Transport, now: number): Connection {
    const id = `${this.#options.idPrefix}-${++this.#lastId}`
    const connection = new Connection(id, identity, transport, this.#options, now, this.#ended)
    this.#connections.add(connection)
    this.#heartbeats.add(connection)
    if (identity.userId !== null) {
      const own = this.#users.get(identity.userId)
      if (own === undefined) this.#users.set(identity.userId, new Set([connection]))
      else own.add(connection)
    }
    return connection
  }

  /** The socket of a connection is closed. */
  closed (connection: Connection, code: number, reason: string): void {
    connection.closed(code, reason)
    this.#closing.delete(connection)
    if (this.#closing.size === 0) this.#onDrained?.()
  }

  /** Hands a notification to the sockets that it concerns. */
  deliver (notification: Notification): Reach {
    const { userId, excludeUser } = notification
    if (userId !== null) {
      const connections = this.#deliverTo(this.#users.get(userId) ?? [], notification)
      return { connections, users: Math.min(connections, 1) }
    }

    const users = new Set<string>()
    let connections = 0
    for (const connection of this.#connections) {
      if (connection.userId !== null && connection.userId === excludeUser) continue
      if (!connection.deliver(notification)) continue
      connections++
      if (connection.userId !== null) users.add(connection.userId)
    }
    return { connections, users: users.size }
  }

  /** See `Heartbeats.sweep`. */
  sweep (now: number): void {
    this.#heartbeats.sweep(now)
  }

  /** Opens no more and closes all; resolves when every socket has shaken hands, or after `waitMs` when the others were ended. */
  async stop (code: CloseCode, waitMs: number): Promise<void> {
    this.#stopping = true
    for (const connection of this.#connections) connection.close(code)
    if (this.#closing.size === 0) return

    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs)
      this.#onDrained = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    for (const connection of this.#closing) connection.abort(code)
  }

  getUserConnectionsCount (userId: string): number {
    return this.#users.get(userId)?.size ?? 0
  }

  getTotalConnectionsCount (): number {
    return this.#connections.size
  }

  getConnectedUsers (): string[] {
    return [...this.#users.keys()]
  }

  /** Counts, and the names as far as they are listed. */
  stats (): StatsReply {
    const names = this.#users.keys()
    const listed: string[] = []
    for (let name = names.next(); !name.done && listed.length < MAX_LISTED_USERS; name = names.next()) listed.push(name.value)
    return {
      total_connections: this.#connections.size,
      connected_users: listed,
      users_count: this.#users.size,
      ...(this.#users.size > MAX_LISTED_USERS && { truncated: true as const })
    }
  }

  #deliverTo (connections: Iterable<Connection>, notification: Notification): number {
    let taken = 0
    for (const connection of connections) {
      if (connection.deliver(notification)) taken++
    }
    return taken
  }

  /** The one place where a connection leaves, however it ended. */
  readonly #ended = (connection: Connection, end: End): void => {
    this.#connections.delete(connection)
    this.#heartbeats.delete(connection)
    this.#closing.add(connection)
    if (connection.userId !== null) {
      const own = this.#users.get(connection.userId)
      own?.delete(connection)
      if (own?.size === 0) this.#users.delete(connection.userId)
    }
    this.#options.onEnd?.(connection, end)
  }
}
