import { encode } from '../protocol/server-frames.js'
import { pingFrame } from '../protocol/text-frame.js'
import type { Connection } from './connection.js'
import type { UserIndex } from './user-index.js'

export interface HeartbeatOptions {
  heartbeatIntervalMs: number
  /** How much longer than the interval a connection may be silent. */
  heartbeatTimeoutMs: number
}

/** Spreads whole numbers evenly between 0 and 1, in whatever order they come. */
const GOLDEN_RATIO = 0.618033988749895

/** Keeps connections alive, and finds those whose peer is gone. */
export class Heartbeats {
  readonly #options: HeartbeatOptions
  /** Milliseconds of sweeping: stands still while the process does, so that nobody is timed out for the server's own pauses. */
  #elapsedMs = 0
  #sweptAt: number | undefined
  #started = 0

  constructor (options: HeartbeatOptions) {
    this.#options = options
  }

  /** The first heartbeat comes within the interval, so that those who connect together are not beaten together. */
  start (connection: Connection): void {
    this.#hear(connection)
    connection.beatAt = this.#elapsedMs + Math.ceil(this.#options.heartbeatIntervalMs * (1 - (++this.#started * GOLDEN_RATIO) % 1))
  }

  /**
   * Sends the heartbeats that are due, with a ping of the protocol, and ends the connections that have been silent for too long.
   * To be called several times in an interval.
   */
  sweep (connections: UserIndex, now: number): void {
    const { heartbeatIntervalMs, heartbeatTimeoutMs } = this.#options
    const step = Math.max(0, now - (this.#sweptAt ?? now))
    this.#elapsedMs += Math.min(step, Math.ceil(heartbeatIntervalMs / 4))
    this.#sweptAt = now

    const heartbeat = Buffer.concat([encode({ type: 'heartbeat', timestamp: new Date(now).toISOString() }), pingFrame])
    connections.forEach((connection) => {
      if (connection.heard) this.#hear(connection)
      if (this.#elapsedMs - connection.heardAt >= heartbeatIntervalMs + heartbeatTimeoutMs) {
        // Part of a large message is a sign of life, too.
        if (connection.receivedBytes === connection.heardBytes) connection.abort('heartbeat_timeout')
        else this.#hear(connection)
      } else if (this.#elapsedMs >= connection.beatAt) {
        connection.beatAt = this.#elapsedMs + heartbeatIntervalMs
        connection.beat(heartbeat)
      }
    })
  }

  #hear (connection: Connection): void {
    connection.heard = false
    connection.heardBytes = connection.receivedBytes
    connection.heardAt = this.#elapsedMs
  }
}
