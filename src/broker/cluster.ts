import type { Replay } from './broker.js'

/** What is said of all nodes together. */
export interface Census {
  totalConnections: number
  usersCount: number
  /** Open sockets of the user that was asked for. */
  userConnections: number
  /** The names of the users, or of the first of them, as a JSON array. */
  names: Buffer
}

/** A list of names up to this long is cheap enough to be always new; a longer one is made again when it is so old. */
const ALWAYS_NEW = 500
const MAX_AGE_MS = 1000

/** Whether a list of names that was made at some time is to be made again for who asks now. */
export const namesAreOld = (count: number, madeAt: number, now: number): boolean =>
  count <= ALWAYS_NEW || Math.abs(now - madeAt) >= MAX_AGE_MS

export type ReadPage = Replay['read']

/** The connections of this node, as the cluster needs to know them. */
export interface LocalConnections {
  /** On all nodes together. */
  readonly maxConnectionsPerUser: number
  getTotalConnectionsCount: () => number
  getUserConnectionsCount: (userId: string) => number
  getConnectedUsers: () => string[]
  /** Closes the sockets of this user that are here, and were opened before a time (`performance.now()`), if there is one: how many. */
  closeHere: (userId: string, openedBefore?: number) => number
  /** Notifications beyond the `seq` `after` may have been missed: from here on every connection reads what it lacks from the journal first. */
  rejoinAll: (readerOf: (userId: string | null) => ReadPage, after: number) => void
  /** The journal is another one: every connection is told of a gap, as if it had come back, and goes on with what there is in this one: how many were told. */
  welcomeAnew: (replayOf: (userId: string | null) => Replay, now: number) => number
}

/** The other nodes. */
export interface Cluster {
  /** To be called once: whose sockets are here. */
  join: (connections: LocalConnections) => void
  /** A socket of this user (null: anonymous) was opened or closed here; the claims end, whether it was or not. */
  changed: (userId: string | null, ...claims: string[]) => void
  /**
   * A place for one more socket of this user on all nodes, which is held for some seconds, or until `changed` ends it.
   * Null where none is needed: the user is anonymous (null), there is no limit, or he does not open one but asks whether he may.
   * @throws AppError `too_many_connections`; `not_ready` when the others cannot be asked
   */
  claim: (userId: string | null, opens: boolean) => Promise<string | null>
  /**
   * See `ConnectRate.take`, for all nodes together.
   * @throws AppError `not_ready`
   */
  takeConnect: (address: string, opens: boolean, perSecond: number) => Promise<boolean>
  /**
   * Closes the sockets of this user on other nodes: how many, as far as these nodes have answered within a second.
   * @throws AppError `not_ready`
   */
  closeElsewhere: (userId: string) => Promise<number>
  /**
   * All nodes together; the names may be a second old.
   * @throws AppError `not_ready`
   */
  census: (userId: string | null, now: number) => Promise<Census>
}
