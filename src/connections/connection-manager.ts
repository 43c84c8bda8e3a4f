import type { Identity } from '../access/identity.js'
import type { Notification, Reach } from '../broker/broker.js'
import { AppError, type CloseCode } from '../errors.js'
import { insertNames, type ServerFrame } from '../protocol/server-frames.js'
import { textFrameOf } from '../protocol/text-frame.js'
import { Connection } from './connection.js'
import type { ConnectionLimits, ConnectionOwner, End } from './connection-owner.js'
import { FanOut } from './fan-out.js'
import { type HeartbeatOptions, Heartbeats } from './heartbeats.js'
import { Replays } from './replays.js'
import type { Transport } from './transport.js'
import { UserIndex } from './user-index.js'
import { UserNames } from './user-names.js'

export interface ConnectionManagerOptions extends ConnectionLimits, HeartbeatOptions {
  /** Begins every connection's id: another one for every process. */
  idPrefix: string
  maxConnections: number
  maxConnectionsPerUser: number
  onEnd?: (connection: Connection, end: End) => void
  /** What a connection has missed cannot be read; it is ended. */
  onFailed?: (connection: Connection, error: unknown) => void
}

/** Who is here. */
export class ConnectionManager {
  readonly #options: ConnectionManagerOptions
  readonly #owner: ConnectionOwner
  readonly #users = new UserIndex()
  readonly #names = new UserNames(this.#users)
  readonly #fanOut = new FanOut(this.#users)
  readonly #heartbeats: Heartbeats
  readonly #replays: Replays
  /** Ended, but the socket is still shaking hands. */
  readonly #closing = new Set<Connection>()
  #lastSerial = 0
  #stopping = false
  #onDrained: (() => void) | undefined

  constructor (options: ConnectionManagerOptions) {
    this.#options = options
    this.#owner = {
      idPrefix: options.idPrefix,
      limits: options,
      catchUp: (connection) => { this.#fanOut.catchUp(connection) },
      onQueued: (connection) => { this.#fanOut.onQueued(connection) },
      onReadyForPage: (connection) => { this.#replays.add(connection) },
      onEnd: (connection, end) => { this.#ended(connection, end) }
    }
    this.#heartbeats = new Heartbeats(options)
    this.#replays = new Replays((connection, error) => {
      options.onFailed?.(connection, error)
      connection.close('internal_error')
    })
  }

  /** No more connections are opened, and those there are are being closed. */
  get stopping (): boolean { return this.#stopping }

  /**
   * Checks that one more connection of this user (null: anonymous) may be opened.
   * @throws AppError `shutting_down`, `server_full`, `too_many_connections`
   */
  admit (userId: string | null): void {
    if (this.#stopping) throw new AppError('shutting_down')
    if (Math.max(this.#users.size, this.#closing.size) >= this.#options.maxConnections) throw new AppError('server_full')
    if (userId !== null && this.#users.countOf(userId) >= this.#options.maxConnectionsPerUser) {
      throw new AppError('too_many_connections')
    }
  }

  open (identity: Identity, transport: Transport, now: number): Connection {
    const connection = new Connection(this.#owner, ++this.#lastSerial, identity, transport, this.#fanOut.lastSeq, now)
    this.#users.add(connection)
    this.#heartbeats.start(connection)
    return connection
  }

  /** The socket of a connection is closed. */
  closed (connection: Connection, code: number, reason: string): void {
    connection.closed(code, reason)
    this.#closing.delete(connection)
    if (this.#closing.size === 0) this.#onDrained?.()
  }

  /** Hands a notification to the sockets that it concerns; resolves when it is written. */
  async deliver (notification: Notification): Promise<Reach> {
    return await this.#fanOut.deliver(notification)
  }

  /** See `Heartbeats.sweep`. */
  sweep (now: number): void {
    this.#heartbeats.sweep(this.#users, now)
  }

  /** Opens no more and closes all; resolves when every socket has shaken hands, or after `waitMs` when the others were ended. */
  async stop (code: CloseCode, waitMs: number): Promise<void> {
    this.#stopping = true
    this.#users.forEach((connection) => { connection.close(code) })
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
    return this.#users.countOf(userId)
  }

  getTotalConnectionsCount (): number {
    return this.#users.size
  }

  getConnectedUsers (): string[] {
    return [...this.#users.names()]
  }

  /** A `StatsReply` as JSON. */
  stats (now: number): Buffer {
    return Buffer.concat(insertNames({
      total_connections: this.#users.size,
      connected_users: [],
      users_count: this.#users.userCount,
      ...(this.#names.truncated && { truncated: true })
    }, this.#names.json(now)))
  }

  /** Answers `get_stats`. */
  sendStats (connection: Connection, now: number): void {
    const { userId, seesNames } = connection
    const frame: ServerFrame = {
      type: 'stats',
      data: {
        total_connections: this.#users.size,
        user_connections: userId === null ? 1 : this.#users.countOf(userId),
        connected_users: [],
        ...(seesNames && this.#names.truncated && { truncated: true })
      },
      timestamp: new Date(now).toISOString()
    }
    if (seesNames) connection.send(textFrameOf(insertNames(frame, this.#names.json(now))))
    else connection.send(frame)
  }

  /** The one place where a connection leaves, however it ended. */
  #ended (connection: Connection, end: End): void {
    this.#users.delete(connection)
    this.#closing.add(connection)
    this.#options.onEnd?.(connection, end)
  }
}
