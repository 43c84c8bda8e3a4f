/** A notification that has its place in the one order. */
export interface Notification {
  /** Only grows, over personal notifications and broadcasts together. */
  seq: number
  id: string
  /** Null: a broadcast. */
  userId: string | null
  /** A user whom a broadcast leaves out. */
  excludeUser: string | null
  /** The bytes of its WebSocket frame, as they are sent: made once, for every socket. */
  frame: Buffer
}

/** A notification on its way in; its frame lacks the id, which the broker gives. */
export interface Draft {
  userId: string | null
  excludeUser: string | null
  /** See `encodeNotificationTail`. */
  tail: string
}

/** How many open sockets, and users, a notification was handed to. */
export interface Reach {
  connections: number
  users: number
}

export interface Published extends Reach {
  id: string
  /** Whether the journal keeps it. */
  stored: boolean
}

export interface Replay {
  /** What was missed, in `seq` order. */
  notifications: Notification[]
  /** Something that could have been missed is no longer there. */
  gap: boolean
  /** The newest id and `seq` when this was read. */
  lastEventId: string
  lastSeq: number
}

/** The only seam for storage and scale. */
export interface Broker {
  /** Gives a draft its id, keeps it, hands it to every socket that it concerns. Rejects when it cannot keep its promise. */
  publish: (draft: Draft) => Promise<Published>
  /** What the sockets of this user (null: anonymous) have missed after the id; undefined asks for nothing. */
  replay: (userId: string | null, after: string | undefined) => Promise<Replay>
}

/** Hands a notification to the sockets of this node; resolves when it is written. */
export type Deliver = (notification: Notification) => Promise<Reach>
