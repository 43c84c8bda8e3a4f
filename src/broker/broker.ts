import type { Cluster } from './cluster.js'
import type { StoreSize } from './store.js'

/** A notification that has its place in the one order. */
export interface Notification {
  /** Only grows, over personal notifications and broadcasts together. */
  seq: number
  id: string
  /** Null: a broadcast. */
  userId: string | null
  /** A user whom a broadcast leaves out. */
  excludeUser: string | null
  /** The bytes of its WebSocket frame, as they are sent: made once for all sockets it is handed to, and kept, or made again where what is kept is read. */
  frame: Buffer
  /** The W3C `traceparent` of its POST, where that is traced. */
  traceparent?: string | undefined
}

/** A notification on its way in; its frame lacks the id, which the broker gives. */
export interface Draft {
  userId: string | null
  excludeUser: string | null
  /** How long it is kept, at most; undefined: as long as any. */
  ttlMs: number | undefined
  /** See `encodeNotificationTail`. */
  tail: string
  /** Of calls with the same key one publishes; `fingerprint` tells whether they ask for the same. */
  idempotency: { key: string, fingerprint: string } | undefined
  traceparent?: string | undefined
}

/** How many open sockets, and users, a notification was handed to. */
export interface Reach {
  connections: number
  users: number
}

export interface Published extends Reach {
  id: string
  /** Whether it would survive the end of this process. */
  stored: boolean
  /** An earlier call with the same idempotency key has published it; this one has not. */
  repeated: boolean
}

/** Part of what was missed. */
export interface Page<Gap = Replay | undefined> {
  /** In `seq` order. */
  notifications: Array<Pick<Notification, 'seq' | 'id' | 'frame'>>
  /** There is nothing left up to here that is not in this page or one before it. */
  lastSeq: number
  /** Nothing newer was there when this was read. */
  complete: boolean
  /** Something has left the journal that came after the last gap that the reader was told of: how his return goes from where he was, which he is told before this page. */
  gap: Gap
}

export interface Replay {
  /** Something that could have been missed is no longer there. */
  gap: boolean
  /** How many notifications were missed that are still there. */
  count: number
  /** The newest id is `<epoch>-<seq>`. */
  epoch: string
  seq: number
  /** Open sockets on other nodes. */
  connectionsElsewhere: number
  /** `seq` after which `read` reads. */
  after: number
  /** The notifications that concern the user after a `seq`: one or more if there are any, and more only up to so many bytes. */
  read: (after: number, maxBytes: number) => Promise<Page>
}

/** Publishes that one process takes on at once: more are refused. */
export const MAX_PUBLISHES = 10_000

/** The only seam for storage and scale. */
export interface Broker {
  /**
   * Gives a draft its id, keeps it, hands it to every socket that it concerns.
   * @throws AppError `journal_unavailable` when it cannot be kept, `idempotency_mismatch`
   */
  publish: (draft: Draft) => Promise<Published>
  /**
   * How the return of this user (null: anonymous) with the id of the last notification that he has goes; undefined: he has none,
   * and gets what is delivered from the moment of this call on.
   */
  replay: (userId: string | null, lastEventId: string | undefined) => Promise<Replay>
  /** Why notifications cannot be delivered at the moment; undefined: they can. */
  problem: () => string | undefined
  /** The other nodes; undefined: there can be none. */
  readonly cluster?: Cluster
  /** What is kept in this process; undefined: it is kept elsewhere. */
  readonly journalSize?: () => StoreSize
  /** The way to where it is kept; undefined: it is kept here. */
  readonly link?: LinkState
  /** To be called about twice a second: removes what has come to its end, and tries again what failed. */
  maintain: () => void
  /** Resolves when all that was accepted is kept. */
  settled: () => Promise<void>
  /** Resolves when all that was accepted is kept and delivered. */
  close: () => Promise<void>
}

/** How the way to a server that keeps notifications stands. */
export interface LinkState {
  /** What is published comes back. */
  readonly ready: boolean
  /** Since the newest probe came back that this node sends to itself, and how long that one took. */
  readonly probeAgeMs: number
  readonly probeMs: number
  /** How often it was lost, and found again. */
  readonly reconnects: number
}

/** What every broker is given. */
export interface BrokerCallbacks {
  deliver: Deliver
  /** Something could not be written: `error` says why. Undefined: it can again. */
  onTrouble: (error: unknown) => void
  /** What is kept may be lost by how something is set up. */
  onWarning?: (text: string) => void
  /** The journal is gone, and another one in its place; so many sockets were told of a gap. */
  onLost?: (told: number) => void
  /** Notifications are being kept; settles when they are, or are not. */
  onCommit?: (write: Promise<unknown>) => void
}

/** Hands a notification to the sockets of this node; resolves when it is written. */
export type Deliver = (notification: Notification) => Promise<Reach>

/** The broker cannot be started; the message says why in one line. */
export class BrokerError extends Error {
  override name = 'BrokerError'
}
