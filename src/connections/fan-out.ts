import type { Notification, Reach } from '../broker/broker.js'
import type { Connection } from './connection.js'
import { MAX_JOINED_BYTES } from './outbox.js'
import { Takers } from './takers.js'
import type { UserIndex } from './user-index.js'

/** Sockets that a broadcast writes to before everything else gets a turn: some milliseconds' worth. */
const SLICE = 500

/** A broadcast that is not with everybody yet. */
interface Pending {
  notification: Notification
  reach: Reach
  /** Users who got it ahead of the others, because something that must come after it was sent to them. */
  early: Set<string>
  done: (reach: Reach) => void
}

/** Broadcasts of one turn on their way through all sockets. */
interface Pass {
  batch: Pending[]
  /** Their frames, joined once for everybody. */
  frames: Buffer
  firstSeq: number
  lastSeq: number
  excluded: Set<string>
  /** Iterators of collections, which a `for` that is left does not end: the next one goes on where it was. */
  groups: Array<IterableIterator<Connection | Set<Connection>>>
  /** How many got all of them in one write. */
  connections: number
  users: number
}

/**
 * Writes what a turn of the event loop has brought, at its end: one write per socket, in order.
 * Broadcasts go through all sockets in slices; a socket that is sent something else meanwhile gets them first.
 */
export class FanOut {
  readonly #users: UserIndex
  #queued = new Set<Connection>()
  #pending: Pending[] = []
  #pass: Pass | undefined
  #turn: Promise<void> | undefined
  /** `seq` of the newest notification that was handed over. */
  lastSeq = 0

  constructor (users: UserIndex) {
    this.#users = users
  }

  /** Resolves when the notification is written to all sockets that it concerns. */
  deliver (notification: Notification): Promise<Reach> {
    this.lastSeq = notification.seq
    if (notification.userId !== null) return this.#deliverTo(notification.userId, notification)

    return new Promise((resolve) => {
      this.#pending.push({ notification, reach: { connections: 0, users: 0 }, early: new Set(), done: resolve })
      this.#endOfTurn()
    })
  }

  /** A connection has frames to be written at the end of this turn. */
  onQueued (connection: Connection): void {
    this.#queued.add(connection)
    this.#endOfTurn()
  }

  /** Gives a connection the broadcasts that it waits for, so that what it is sent next comes after them. */
  catchUp (connection: Connection): void {
    const { userId } = connection
    for (const { notification, reach, early } of this.#pending) {
      if (!concerns(notification, userId) || !connection.take(notification)) continue
      reach.connections++
      if (userId === null || early.has(userId)) continue
      early.add(userId)
      reach.users++
    }
  }

  /** What follows is of another journal: broadcasts that everybody has been given by `catchUp` are done with. */
  reset (): void {
    for (const { reach, done } of this.#pending.splice(0)) done(reach)
    this.#pass = undefined
    this.lastSeq = 0
  }

  async #deliverTo (userId: string, notification: Notification): Promise<Reach> {
    let connections = 0
    for (const connection of this.#users.of(userId)) {
      this.catchUp(connection)
      if (connection.take(notification)) connections++
    }
    if (connections > 0) await this.#endOfTurn()
    return { connections, users: Math.min(connections, 1) }
  }

  /** Resolves when what waits for the end of this turn is written. Not `async`: everybody gets the same promise. */
  #endOfTurn (): Promise<void> {
    this.#turn ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#turn = undefined
        this.#flush()
        resolve()
      })
    })
    return this.#turn
  }

  #flush (): void {
    for (const connection of this.#queued) {
      this.catchUp(connection)
      connection.flush()
    }
    this.#queued = new Set() // One that is cleared keeps what was in it from being collected young.
    if (this.#pass === undefined && this.#pending.length > 0) this.#startPass()
  }

  #startPass (): void {
    const batch = takeUpTo(MAX_JOINED_BYTES, this.#pending)
    const notifications = batch.map(({ notification }) => notification)
    const frames = notifications.map(({ frame }) => frame)
    this.#pass = {
      batch,
      frames: frames.length === 1 && frames[0] !== undefined ? frames[0] : Buffer.concat(frames),
      firstSeq: notifications[0]?.seq ?? 0,
      lastSeq: notifications.at(-1)?.seq ?? 0,
      excluded: new Set(notifications.flatMap(({ excludeUser }) => excludeUser ?? [])),
      groups: this.#users.groups(),
      connections: 0,
      users: 0
    }
    this.#continue(this.#pass)
  }

  /** Looks at all connections of a slice before it writes to the first: what is read of them comes into the cache together. */
  #continue (pass: Pass): void {
    if (this.#pass !== pass) return
    const takers = new Takers()
    const complete = this.#visitSlice(pass, takers)
    takers.write(pass.frames)
    if (complete) this.#finish(pass)
    else setImmediate(() => { this.#continue(pass) })
  }

  /** Collects those who take the whole pass; says whether nobody is left. */
  #visitSlice (pass: Pass, takers: Takers): boolean {
    let left = SLICE
    for (const groups of pass.groups) {
      for (const group of groups) {
        left -= group instanceof Set ? this.#visitAll(group, pass, takers) : this.#visit(group, pass, takers)
        if (left <= 0) return false
      }
    }
    return true
  }

  #visit (connection: Connection, pass: Pass, takers: Takers): number {
    if (this.#give(connection, pass, takers) && connection.userId !== null) countUser(connection.userId, pass)
    return 1
  }

  #visitAll (connections: Set<Connection>, pass: Pass, takers: Takers): number {
    const { size } = connections
    let taker: string | null = null
    for (const connection of connections) {
      if (this.#give(connection, pass, takers)) taker = connection.userId
    }
    if (taker !== null) countUser(taker, pass)
    return size
  }

  /** Whether the connection took the whole pass in one write; if not, it catches up by itself. */
  #give (connection: Connection, pass: Pass, takers: Takers): boolean {
    const { batch, firstSeq, lastSeq, excluded } = pass
    if (!connection.readyFor(firstSeq) || (excluded.size > 0 && connection.userId !== null && excluded.has(connection.userId))) {
      this.catchUp(connection)
      connection.flush()
      return false
    }
    if (!connection.takeAll(batch.length, lastSeq)) return false
    takers.add(connection)
    pass.connections++
    return true
  }

  #finish ({ batch, connections, users }: Pass): void {
    this.#pending.splice(0, batch.length)
    this.#pass = undefined
    for (const { reach, done } of batch) done({ connections: reach.connections + connections, users: reach.users + users })
    if (this.#pending.length > 0) this.#endOfTurn()
  }
}

/** Counts a user who got the whole pass; of those he got early, he has been counted already. */
function countUser (userId: string, pass: Pass): void {
  pass.users++
  for (const { early, reach } of pass.batch) {
    if (early.size > 0 && early.has(userId)) reach.users--
  }
}

/** The first of the pending broadcasts: as many as are joined, and at least one. */
function takeUpTo (maxBytes: number, pending: Pending[]): Pending[] {
  let bytes = 0
  const end = pending.findIndex(({ notification }, i) => (bytes += notification.frame.length) > maxBytes && i > 0)
  return end === -1 ? pending.slice() : pending.slice(0, end)
}

const concerns = ({ excludeUser }: Notification, userId: string | null): boolean => userId === null || userId !== excludeUser
