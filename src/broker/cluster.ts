import type { Page } from './broker.js'

/** What is said of all nodes together. */
export interface Census {
  totalConnections: number
  usersCount: number
  /** Open sockets of the user that was asked for. */
  userConnections: number
  /** The names of the users, or of the first of them, as a JSON array. */
  names: Buffer
}

/** See `Replay.read`. */
export type ReadPage = (after: number, maxBytes: number) => Promise<Page>

/** The connections of this node, as the cluster needs to know them. */
export interface LocalConnections {
  getTotalConnectionsCount: () => number
  getUserConnectionsCount: (userId: string) => number
  getConnectedUsers: () => string[]
  /**
   * Notifications beyond the `seq` `after` may have been missed: from here on every connection reads what it lacks from the journal first.
   * Undefined: the journal is another one, and everything in it is new to them.
   */
  rejoinAll: (readerOf: (userId: string | null) => ReadPage, after: number | undefined) => void
}

/** The other nodes. */
export interface Cluster {
  /** To be called once: whose sockets are here. */
  join: (connections: LocalConnections) => void
  /** A socket of this user (null: anonymous) was opened or closed here. */
  changed: (userId: string | null) => void
  /**
   * How many sockets this user (null: anonymous, who are not counted) has on other nodes.
   * @throws AppError `not_ready` when they cannot be asked
   */
  countElsewhere: (userId: string | null) => Promise<number>
  /**
   * All nodes together; the names may be a second old.
   * @throws AppError `not_ready`
   */
  census: (userId: string | null, now: number) => Promise<Census>
}
