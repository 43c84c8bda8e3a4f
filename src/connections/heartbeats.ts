import { encode } from '../protocol/server-frames.js'
import type { Connection } from './connection.js'

export interface HeartbeatOptions {
  heartbeatIntervalMs: number
  /** How much longer than the interval a connection may be silent. */
  heartbeatTimeoutMs: number
}

/** When a connection was last heard and gets its next heartbeat, in sweeping time. */
interface Pulse {
  receivedBytes: number
  heardAt: number
  beatAt: number
}

/** Keeps connections alive, and finds those whose peer is gone. */
export class Heartbeats {
  readonly #options: HeartbeatOptions
  readonly #pulses = new Map<Connection, Pulse>()
  /** Milliseconds of sweeping: stands still while the process does, so that nobody is timed out for the server's own pauses. */
  #elapsedMs = 0
  #sweptAt: number | undefined

  constructor (options: HeartbeatOptions) {
    this.#options = options
  }

  add (connection: Connection): void {
    this.#pulses.set(connection, {
      receivedBytes: connection.receivedBytes,
      heardAt: this.#elapsedMs,
      beatAt: this.#elapsedMs + this.#options.heartbeatIntervalMs
    })
  }

  delete (connection: Connection): void {
    this.#pulses.delete(connection)
  }

  /**
   * Sends the heartbeats that are due, and ends the connections that have been silent for too long.
   * To be called several times in an interval.
   */
  sweep (now: number): void {
    const { heartbeatIntervalMs, heartbeatTimeoutMs } = this.#options
    const step = Math.max(0, now - (this.#sweptAt ?? now))
    this.#elapsedMs += Math.min(step, heartbeatIntervalMs / 4)
    this.#sweptAt = now

    const heartbeat = encode({ type: 'heartbeat', timestamp: new Date(now).toISOString() })
    for (const [connection, pulse] of this.#pulses) {
      if (connection.receivedBytes !== pulse.receivedBytes) {
        pulse.receivedBytes = connection.receivedBytes
        pulse.heardAt = this.#elapsedMs
      }
      if (this.#elapsedMs - pulse.heardAt >= heartbeatIntervalMs + heartbeatTimeoutMs) {
        connection.abort('heartbeat_timeout')
      } else if (this.#elapsedMs >= pulse.beatAt) {
        pulse.beatAt = this.#elapsedMs + heartbeatIntervalMs
        connection.beat(heartbeat)
      }
    }
  }
}
