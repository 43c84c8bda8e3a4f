import { encode } from '../protocol/server-frames.js'
import { pingFrame } from '../protocol/text-frame.js'
import type { Connection } from './connection.js'

export interface HeartbeatOptions {
  heartbeatIntervalMs: number
  /** How much longer than the interval a connection may be silent. */
  heartbeatTimeoutMs: number
}

/** An interval is taken in steps of this time, where that makes neither too few nor too many. */
const STEP_MS = 1000
const MIN_STEPS = 10
const MAX_STEPS = 1000

/** Spreads whole numbers evenly between 0 and 1, in whatever order they come. */
const GOLDEN_RATIO = 0.618033988749895

/**
 * Keeps connections alive, and finds those whose peer is gone. Each has its place in the interval, and is looked at only
 * when it is due, and once more when its answer is.
 */
export class Heartbeats {
  /** What counts of a pause: nobody is sent a heartbeat and timed out in the same sweep. */
  readonly #maxPauseMs: number
  readonly #stepMs: number
  /** The interval and the time-out in steps. */
  readonly #interval: number
  readonly #timeout: number
  /** By their place in the interval. */
  readonly #places = new Map<number, Set<Connection>>()
  /** Those that have not answered their last heartbeat in time. */
  readonly #silent = new Set<Connection>()
  #started = 0
  #sweptAt: number | undefined
  /** What of the time is not a whole step yet; a half more, so that a sweep that comes a little early is a step as well. */
  #restMs: number
  /** Steps of sweeping: stands still while the process does, so that nobody is timed out for the server's own pauses. */
  #step = 0

  constructor ({ heartbeatIntervalMs, heartbeatTimeoutMs }: HeartbeatOptions) {
    this.#interval = Math.min(Math.max(MIN_STEPS, Math.ceil(heartbeatIntervalMs / STEP_MS)), MAX_STEPS)
    this.#stepMs = heartbeatIntervalMs / this.#interval
    this.#timeout = Math.ceil(heartbeatTimeoutMs / this.#stepMs)
    this.#restMs = this.#stepMs / 2
    this.#maxPauseMs = Math.min(heartbeatIntervalMs / 4, Math.max(1, Math.min(1.5, this.#timeout), Math.floor(this.#timeout / 2)) * this.#stepMs)
  }

  /** The first heartbeat comes within the interval, so that those who connect together are not beaten together. */
  start (connection: Connection): void {
    this.hear(connection)
    connection.place = (this.#step + Math.ceil(this.#interval * (1 - (++this.#started * GOLDEN_RATIO) % 1))) % this.#interval
    const others = this.#places.get(connection.place)
    if (others === undefined) this.#places.set(connection.place, new Set([connection]))
    else others.add(connection)
  }

  /** The peer is there; says whether it was heard in this step already. */
  hear (connection: Connection): boolean {
    const again = connection.heardAt === this.#step
    connection.heardAt = this.#step
    connection.heardBytes = connection.receivedBytes
    return again
  }

  delete (connection: Connection): void {
    const others = this.#places.get(connection.place)
    others?.delete(connection)
    if (others?.size === 0) this.#places.delete(connection.place)
    this.#silent.delete(connection)
  }

  /**
   * Sends the heartbeats that are due, with a ping of the protocol, and ends the connections that have been silent for too long.
   * To be called every second, and ten times in an interval.
   */
  sweep (now: number): void {
    this.#restMs += Math.min(Math.max(0, now - (this.#sweptAt ?? now)), this.#maxPauseMs)
    this.#sweptAt = now
    for (; this.#restMs >= this.#stepMs; this.#restMs -= this.#stepMs) {
      this.#step++
      this.#beat(now)
      this.#findSilent()
      this.#endSilent()
    }
  }

  #beat (now: number): void {
    const due = this.#places.get(this.#step % this.#interval)
    if (due === undefined) return
    const heartbeat = Buffer.concat([encode({ type: 'heartbeat', timestamp: new Date(now).toISOString() }), pingFrame])
    for (const connection of due) connection.beat(heartbeat)
  }

  /** Looks at those whose heartbeat was the time-out ago. Who waits for his welcome has had none, and is not read from. */
  #findSilent (): void {
    const beatAt = this.#step - this.#timeout
    for (const connection of beatAt < 0 ? [] : this.#places.get(beatAt % this.#interval) ?? []) {
      if (connection.welcomed && connection.heardAt < beatAt) this.#silent.add(connection)
    }
  }

  #endSilent (): void {
    for (const connection of this.#silent) {
      // Part of a large message is a sign of life, too.
      if (connection.receivedBytes !== connection.heardBytes) this.hear(connection)
      const silentFor = this.#step - connection.heardAt
      if (silentFor <= this.#timeout) this.#silent.delete(connection)
      else if (silentFor > this.#interval + this.#timeout) connection.abort('heartbeat_timeout')
    }
  }
}
