import type { Identity } from '../access/identity.js'
import type { Notification, Reach, Replay } from '../broker/broker.js'
import type { Cluster, LocalConnections, ReadPage } from '../broker/cluster.js'
import { AppError } from '../errors.js'
import { ClosingConnections } from './closing-connections.js'
import { Connection } from './connection.js'
import type { ConnectionLimits, ConnectionOwner, End } from './connection-owner.js'
import { Drain } from './drain.js'
import { Expiries, type ExpiryOptions } from './expiries.js'
import { FanOut } from './fan-out.js'
import { type HeartbeatOptions, Heartbeats } from './heartbeats.js'
import { rejoinAll, welcomeAnew } from './rejoin.js'
import { Replays } from './replays.js'
import { Statistics } from './statistics.js'
import { statusFrame } from './status-frame.js'
import { type Tally, tallyOf, Traffic } from './traffic.js'
import type { Transport } from './transport.js'
import { UserIndex } from './user-index.js'

export interface ConnectionManagerOptions extends ConnectionLimits, ExpiryOptions, HeartbeatOptions {
  /** Begins every connection's id: another one for every process. */
  idPrefix: string
  maxConnections: number
  maxConnectionsPerUser: number
  onEnd?: (connection: Connection, end: End) => void
  /** A connection was told of a gap in the midst of what it had missed. */
  onGap?: () => void
  /** What a connection has missed cannot be read; it is ended. */
  onFailed?: (connection: Connection, error: unknown) => void
}

/** Who is here. */
export class ConnectionManager implements LocalConnections {
  readonly #options: ConnectionManagerOptions
  readonly #owner: ConnectionOwner
  readonly #users = new UserIndex()
  readonly #statistics = new Statistics(this.#users)
  readonly #fanOut = new FanOut(this.#users)
  readonly #heartbeats: Heartbeats
  readonly #expiries: Expiries
  readonly #replays: Replays
  #cluster: Cluster | undefined
  readonly #closing = new ClosingConnections()
  /** Of the sockets that are closed. */
  readonly #traffic = new Traffic()
  #lastSerial = 0
  #drain: Drain | undefined

  constructor (options: ConnectionManagerOptions) {
    this.#options = options
    this.#heartbeats = new Heartbeats(options)
    this.#owner = {
      roster: this.#users.roster,
      idPrefix: options.idPrefix,
      limits: options,
      hear: (connection) => this.#heartbeats.hear(connection),
      catchUp: (connection) => { this.#fanOut.catchUp(connection) },
      onQueued: (connection) => { this.#fanOut.onQueued(connection) },
      onReadyForPage: (connection) => { this.#replays.add(connection) },
      onGap: (connection, replay) => {
        connection.send(statusFrame(connection, replay, 'gap', this.#users.size, Date.now()))
        options.onGap?.()
      },
      onEnd: (connection, end) => { this.#ended(connection, end) }
    }
    this.#expiries = new Expiries(options)
    this.#replays = new Replays((connection, error) => {
      options.onFailed?.(connection, error)
      connection.close('internal_error')
    })
  }

  /** No more connections are opened, and those there are are being closed. */
  get stopping (): boolean { return this.#drain !== undefined }
  get maxConnectionsPerUser (): number { return this.#options.maxConnectionsPerUser }

  /** From here on this is one of several nodes: what is told is told of all of them. */
  joinCluster (cluster: Cluster): void {
    this.#cluster = this.#statistics.cluster = cluster
    cluster.join(this)
  }

  /**
   * Checks that one more connection of this user (null: anonymous) may be opened here; for what he has on other nodes see `Cluster.claim`.
   * @throws AppError `shutting_down`, `server_full`, `too_many_connections`
   */
  admit (userId: string | null): void {
    if (this.stopping) throw new AppError('shutting_down')
    if (Math.max(this.#users.size, this.#closing.size) >= this.#options.maxConnections) throw new AppError('server_full')
    if (userId === null) return
    const open = this.#users.countOf(userId)
    const closing = this.#closing.countOf(userId) // As many again, so that who comes back is let in, and who opens and closes does not fill the node.
    if (open >= this.maxConnectionsPerUser || open + closing >= 2 * this.maxConnectionsPerUser) throw new AppError('too_many_connections')
  }

  open (identity: Identity, transport: Transport, now: number): Connection {
    const connection = new Connection(this.#owner, ++this.#lastSerial, identity, transport, this.#fanOut.lastSeq, now)
    this.#users.add(connection)
    this.#heartbeats.start(connection)
    this.#expiries.add(connection)
    this.#cluster?.changed(connection.userId)
    return connection
  }

  /** A fresh token says who a connection is. */
  renew (connection: Connection, { seesNames, expiresAt }: Identity): void {
    if (connection.ended) return
    this.#expiries.delete(connection)
    connection.seesNames = seesNames
    connection.expiresAt = expiresAt
    this.#expiries.add(connection)
  }

  /** The socket of a connection is closed. */
  closed (connection: Connection, code: number, reason: string): void {
    connection.closed(code, reason)
    if (this.#closing.delete(connection)) this.#traffic.add(connection)
  }

  /** Hands a notification to the sockets that it concerns; resolves when it is written. */
  deliver (notification: Notification): Promise<Reach> {
    return this.#fanOut.deliver(notification)
  }

  rejoinAll (readerOf: (userId: string | null) => ReadPage, after: number): void {
    rejoinAll(this.#users, this.#fanOut, readerOf, after)
  }

  welcomeAnew (replayOf: (userId: string | null) => Replay, now: number): number {
    return welcomeAnew(this.#users, this.#fanOut, replayOf, now)
  }

  /** See `Heartbeats.sweep`. */
  sweep (now: number): void {
    this.#heartbeats.sweep(now)
  }

  /** See `Expiries.sweep`. */
  expire (now: number): boolean {
    return this.#expiries.sweep(this.#users, now)
  }

  /** Opens no more; the steps of what it returns close all, over `windowMs`. */
  stop (windowMs: number, now: number): Drain {
    this.#drain ??= new Drain(this.#users, this.#closing, windowMs, now)
    return this.#drain
  }

  /** Of this node; goes through all sockets. */
  getTally (): Tally {
    return { ...tallyOf(this.#users, this.#closing, this.#traffic), replayed: this.#replays.count }
  }

  /**
   * Closes the sockets of a user, on all nodes: how many. Where other nodes cannot be asked, those that are here are closed all the same.
   * @throws AppError `not_ready` when the others cannot be asked
   */
  async disconnectUser (userId: string): Promise<number> {
    return this.closeHere(userId) + (await this.#cluster?.closeElsewhere(userId) ?? 0)
  }

  closeHere (userId: string, openedBefore = Infinity): number {
    const own = [...this.#users.of(userId)].filter(({ openedAt }) => openedAt < openedBefore)
    for (const connection of own) connection.close('disconnected_by_operator')
    return own.length
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

  /**
   * A `StatsReply` as JSON, of all nodes.
   * @throws AppError `not_ready` when the others cannot be asked
   */
  async stats (now: number): Promise<Buffer> {
    return await this.#statistics.json(now)
  }

  /** Answers `get_stats`; a promise where other nodes are asked, which rejects as that of `stats`. */
  sendStats (connection: Connection, now: number): Promise<void> | undefined {
    return this.#statistics.sendTo(connection, now)
  }

  /** The one place where a connection leaves, however it ended. */
  #ended (connection: Connection, end: End): void {
    this.#users.delete(connection)
    this.#heartbeats.delete(connection)
    this.#expiries.delete(connection)
    this.#cluster?.changed(connection.userId)
    this.#closing.add(connection)
    this.#options.onEnd?.(connection, end)
  }
}
