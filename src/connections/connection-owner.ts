import type { Replay } from '../broker/broker.js'
import type { CloseCode } from '../errors.js'
import type { Connection } from './connection.js'
import type { InboundLimits } from './inbound.js'
import type { Roster } from './roster.js'

export interface ConnectionLimits extends InboundLimits {
  maxBufferedBytes: number
}

/** How a connection ended. */
export interface End {
  code: number
  reason: string
  /** Why it was ended here; undefined: the peer did, or the network. */
  cause?: CloseCode
}

/** What all connections of a manager have in common. */
export interface ConnectionOwner {
  roster: Roster
  idPrefix: string
  limits: ConnectionLimits
  /** The peer is there: see `Heartbeats.hear`. */
  hear: (connection: Connection) => boolean
  /** Queues the broadcasts that are on their way to a connection, so that what it is sent next comes after them. */
  catchUp: (connection: Connection) => void
  /** Frames wait for the end of the turn. */
  onQueued: (connection: Connection) => void
  /** There is more to be replayed, and its reader has taken what was. */
  onReadyForPage: (connection: Connection) => void
  /** Something that it had yet to read has left the journal: how its return goes from here on. */
  onGap: (connection: Connection, replay: Replay) => void
  onEnd: (connection: Connection, end: End) => void
}
