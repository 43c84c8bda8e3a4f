import type { ClosingConnections } from './closing-connections.js'
import type { Connection } from './connection.js'
import type { UserIndex } from './user-index.js'

/** Connections that are told, and that are closed, in one step: some milliseconds' worth. */
const SLICE = 500

/** What is left for the handshakes of the last, as a part of the time over which all are closed. */
const HANDSHAKE_SHARE = 0.05

/** How long everybody stays at first, so that balancers see that this node is not ready before the first comes back: a part of the time, and ms at most. */
const LEAD_SHARE = 0.15
const MAX_LEAD_MS = 1000

const REASON = 'shutting down'

/**
 * Sends everybody away, so that they come back evenly over `windowMs`. Each is told at once how long he has, and is closed after that
 * long, with 1001; until then he gets what there is for him. Who counts from the frame is never away; who counts from the close
 * comes later, and just as evenly.
 */
export class Drain {
  readonly #users: UserIndex
  readonly #closing: ClosingConnections
  readonly #windowMs: number
  readonly #leadMs: number
  readonly #startedAt: number
  /** In the order in which they go. */
  readonly #leaving: Connection[]
  /** Their places in that order. */
  readonly #untold: Map<Connection, number>
  #closed = 0

  /** `users`: who is open; `closing`: whose sockets still shake hands. */
  constructor (users: UserIndex, closing: ClosingConnections, windowMs: number, now: number) {
    this.#users = users
    this.#closing = closing
    this.#windowMs = windowMs
    this.#leadMs = Math.min(windowMs * LEAD_SHARE, MAX_LEAD_MS)
    this.#startedAt = now
    this.#leaving = deal(users)
    this.#untold = new Map(this.#leaving.map((connection, place) => [connection, place]))
  }

  /** Tells and closes some more; says whether it is over: all are gone, or those that do not shake hands were ended. To be called every few milliseconds. */
  step (now: number): boolean {
    const elapsedMs = now - this.#startedAt
    this.#tell(elapsedMs)
    this.#close(elapsedMs)
    if (this.#users.size === 0 && this.#closing.size === 0) return true
    if (elapsedMs < this.#windowMs * (1 + HANDSHAKE_SHARE) || this.#closed < this.#leaving.length) return false

    const abort = (connection: Connection) => { connection.abort('shutting_down') }
    this.#users.forEach(abort)
    this.#closing.forEach(abort)
    return true
  }

  #tell (elapsedMs: number): void {
    let left = SLICE
    for (const [connection, place] of this.#untold) {
      if (!connection.ended && !connection.welcomed) continue
      this.#untold.delete(connection)
      const afterMs = Math.round(this.#leadMs + (this.#windowMs - this.#leadMs) * place / this.#leaving.length - elapsedMs)
      connection.send({ type: 'reconnect', data: { after_ms: Math.max(0, afterMs), reason: REASON } })
      if (--left === 0) return
    }
  }

  #close (elapsedMs: number): void {
    if (elapsedMs < this.#leadMs) return
    const { length } = this.#leaving
    const due = elapsedMs < this.#windowMs ? Math.floor((elapsedMs - this.#leadMs) * length / (this.#windowMs - this.#leadMs)) + 1 : length
    const leaving = this.#leaving.slice(this.#closed, Math.min(due, this.#closed + SLICE))
    this.#closed += leaving.length
    for (const connection of leaving) connection.close('shutting_down')
  }
}

/** All connections, dealt out: those of one user are far from each other, so that he has one of several for longer. */
function deal (users: UserIndex): Connection[] {
  const hands: Connection[][] = Array.from({ length: Math.ceil(Math.sqrt(users.size)) }, () => [])
  let dealt = 0
  users.forEach((connection) => { hands[dealt++ % hands.length]?.push(connection) })
  return hands.flat()
}
