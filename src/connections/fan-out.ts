import type { Notification, Reach } from '../broker/broker.js'
import type { Connection } from './connection.js'
import { MAX_JOINED_BYTES } from './outbox.js'
import { writeToHandle } from './tcp-handle.js'
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
  /** Rows of those whom one of them leaves out. */
  excluded: Set<number>
  /** The first row of the roster that is left. */
  next: number
  /** How many got all of them in one write. */
  connections: number
  /** How many users these are, besides `several`. */
  users: number
  /** Those of them with several sockets. */
  several: Set<string>
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
    if (this.#pass !== undefined) this.#finish(this.#pass)
    for (const { reach, done } of this.#pending.splice(0)) done(reach)
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
      excluded: new Set(notifications.flatMap(({ excludeUser }) => excludeUser === null ? [] : Array.from(this.#users.of(excludeUser), ({ row }) => row))),
      next: 0,
      connections: 0,
      users: 0,
      several: new Set()
    }
    this.#continue(this.#pass)
  }

  #continue (pass: Pass): void {
    if (this.#pass !== pass) return
    this.#writeSlice(pass)
    if (pass.next >= this.#users.roster.length) this.#finish(pass)
    else setImmediate(() => { this.#continue(pass) })
  }

  /** Nearly all that a broadcast costs besides the kernel: whoever is ready is written to without a look at more than the columns. */
  #writeSlice (pass: Pass): void {
    const { batch: { length }, frames, firstSeq, lastSeq, excluded, next } = pass
    const { roster } = this.#users
    const { length: rows, connections, ready, alone, positions, handles } = roster
    let row = next
    for (let left = SLICE; left > 0 && row < rows; row++) {
      if (ready[row] !== 1 && connections[row] === undefined) continue // There may have been many more once.
      left--
      if ((ready[row] !== 1 && !this.#becomesReady(row)) || (positions[row] ?? 0) >= firstSeq || (excluded.size > 0 && excluded.has(row))) {
        this.#catchUpAt(row)
        continue
      }
      positions[row] = lastSeq
      roster.countFrames(row, length)
      pass.connections++
      if (alone[row] === 1) pass.users++
      else this.#countUserAt(row, pass)
      const handle = handles[row]
      if (handle === undefined) this.#writeAt(row, frames)
      else if (!writeToHandle(handle, frames)) connections[row]?.write(frames, 'writtenInPart')
    }
    pass.next = row
  }

  #becomesReady (row: number): boolean {
    const { connections, ready } = this.#users.roster
    if (connections[row]?.ready !== true) return false
    ready[row] = 1
    return true
  }

  #catchUpAt (row: number): void {
    const connection = this.#users.roster.connections[row]
    if (connection === undefined) return
    this.catchUp(connection)
    connection.flush()
  }

  #countUserAt (row: number, { several }: Pass): void {
    const userId = this.#users.roster.connections[row]?.userId ?? null
    if (userId !== null) several.add(userId)
  }

  #writeAt (row: number, frames: Buffer): void {
    const { connections, handles } = this.#users.roster
    handles[row] = connections[row]?.handle
    connections[row]?.write(frames)
  }

  #finish ({ batch, connections, users, several }: Pass): void {
    this.#pending.splice(0, batch.length)
    this.#pass = undefined
    for (const { reach, early, done } of batch) {
      const twice = early.size === 0 ? 0 : [...several].filter((userId) => early.has(userId)).length
      done({ connections: reach.connections + connections, users: reach.users + users + several.size - twice })
    }
    if (this.#pending.length > 0) this.#endOfTurn()
  }
}

/** The first of the pending broadcasts: as many as are joined, and at least one. */
function takeUpTo (maxBytes: number, pending: Pending[]): Pending[] {
  let bytes = 0
  const end = pending.findIndex(({ notification }, i) => (bytes += notification.frame.length) > maxBytes && i > 0)
  return end === -1 ? pending.slice() : pending.slice(0, end)
}

const concerns = ({ excludeUser }: Notification, userId: string | null): boolean => userId === null || userId !== excludeUser
