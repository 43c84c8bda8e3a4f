import type { Identity } from '../access/identity.js'
import type { Notification, Replay } from '../broker/broker.js'
import { type AppError, type CloseCode, errors } from '../errors.js'
import { encode, type Resume, type ServerFrame } from '../protocol/server-frames.js'
import { Outbox } from './outbox.js'
import { RateLimit } from './rate-limit.js'
import type { Transport } from './transport.js'

export interface ConnectionLimits {
  maxBufferedBytes: number
  maxErrors: number
  messageRate: number
}

/** How a connection ended. */
export interface End {
  code: number
  reason: string
}

/** What all connections of a manager have in common. */
export interface ConnectionOwner {
  idPrefix: string
  limits: ConnectionLimits
  /** Queues the broadcasts that are on their way to a connection, so that what it is sent next comes after them. */
  catchUp: (connection: Connection) => void
  /** Frames wait for the end of the turn. */
  onQueued: (connection: Connection) => void
  onEnd: (connection: Connection, end: End) => void
}

/** One socket: what it is sent, what it may send, and its end, which happens once. */
export class Connection implements Identity {
  readonly userId: string | null
  readonly seesNames: boolean
  readonly openedAt: number
  framesIn = 0
  framesOut = 0
  /** Kept by `Heartbeats`: what had been received when it last looked, and when the last change and the next heartbeat are. */
  heardBytes = 0
  heardAt = 0
  beatAt = 0
  readonly #owner: ConnectionOwner
  readonly #serial: number
  readonly #transport: Transport
  readonly #outbox: Outbox
  #rateLimit: RateLimit | undefined
  #errorsInRow = 0
  #ended = false
  /** Notifications that came before the welcome; undefined after it. */
  #held: Notification[] | undefined = []
  #heldBytes = 0
  /** `seq` of the newest notification that this connection is past. */
  #position: number

  constructor (owner: ConnectionOwner, serial: number, { userId, seesNames }: Identity, transport: Transport, position: number, now: number) {
    this.#owner = owner
    this.#serial = serial
    this.userId = userId
    this.seesNames = seesNames
    this.openedAt = now
    this.#transport = transport
    this.#outbox = new Outbox(transport)
    this.#position = position
    transport.pause()
  }

  get id (): string { return `${this.#owner.idPrefix}-${this.#serial}` }
  get ended (): boolean { return this.#ended }
  get receivedBytes (): number { return this.#transport.receivedBytes }

  /** Sends the first frame, then what was missed, then what came meanwhile; from here on frames are read and delivery is live. */
  welcome ({ notifications, lastEventId, lastSeq }: Replay, resume: Resume, totalConnections: number, now: number): void {
    if (this.#ended) return

    const held = this.#held ?? []
    this.#held = undefined
    this.queue(encode({
      type: 'connection_status',
      data: {
        status: 'connected',
        user_id: this.userId,
        timestamp: new Date(now).toISOString(),
        total_connections: totalConnections,
        connection_id: this.id,
        last_event_id: lastEventId,
        resume,
        replayed: notifications.length
      }
    }))
    for (const { frame } of notifications) this.queue(frame)
    // A return is caught up to here by the replay; who asked for none gets all that came since he joined.
    if (resume !== 'none') this.#position = lastSeq
    for (const notification of held) this.take(notification)
    this.#transport.resume()
  }

  /** Queues a notification if it is beyond what this connection has; says whether it did. */
  take (notification: Notification): boolean {
    if (this.#ended || notification.seq <= this.#position) return false
    if (this.#held !== undefined) return this.#hold(notification, this.#held)

    this.#position = notification.seq
    return this.queue(notification.frame)
  }

  /** Whether nothing stands between this connection and what comes from `seq` on, so that `takeAll` may be used. */
  readyFor (seq: number): boolean {
    return seq > this.#position && this.#held === undefined && this.#outbox.idle
  }

  /** Writes the joined frames of `count` notifications up to `lastSeq` at once; says whether it did. */
  takeAll (frames: Buffer, count: number, lastSeq: number): boolean {
    if (this.#ended) return false

    this.#position = lastSeq
    this.framesOut += count
    this.#outbox.write(frames)
    return true
  }

  /** Queues a frame, or the parts of its bytes, behind all that came before it. */
  send (frame: ServerFrame | Buffer[]): void {
    this.#owner.catchUp(this)
    if (Array.isArray(frame)) this.queue(...frame)
    else this.queue(encode(frame))
  }

  /** Queues the bytes of a frame for the end of this turn; false when the connection is, or is thereby, ended. */
  queue (...parts: Buffer[]): boolean {
    if (this.#ended) return false
    for (const part of parts) this.#outbox.push(part)
    if (this.#outbox.bytes > this.#owner.limits.maxBufferedBytes) {
      this.#endSlow()
      return false
    }
    this.framesOut++
    this.#owner.onQueued(this)
    return true
  }

  /** Writes what was queued. */
  flush (): void {
    this.#outbox.flush()
  }

  /** Counts a frame that came in and says whether it may be looked at; one that comes too fast is answered here. */
  admitFrame (now: number): 'within' | 'over' {
    this.framesIn++
    this.#rateLimit ??= new RateLimit(this.#owner.limits.messageRate, now)
    const verdict = this.#rateLimit.take(now)
    if (verdict !== 'far_over') return verdict

    this.close('rate_limited')
    return 'over'
  }

  /** A frame was understood and answered. */
  frameAccepted (): void {
    this.#errorsInRow = 0
  }

  /** Answers a frame that was not accepted; too many of them in a row end the connection. */
  refuseFrame ({ code, message, field }: AppError, now: number): void {
    if (this.#ended) return

    this.send({ type: 'error', data: { code, message, ...(field !== undefined && { field }) }, timestamp: new Date(now).toISOString() })
    if (code !== 'rate_limited' && ++this.#errorsInRow > this.#owner.limits.maxErrors) this.close('too_many_errors')
  }

  /** Ends the connection with a closing handshake, behind what was queued. */
  close (code: CloseCode): void {
    if (this.#ended) return

    const { close, text } = errors[code]
    this.#end({ code: close, reason: text })
    this.#outbox.flushAll()
    this.#transport.close(close, text)
  }

  /** Ends the connection of a peer that will not shake hands. */
  abort (code: CloseCode): void {
    this.close(code)
    this.#transport.terminate()
  }

  /** The socket is closed, by either side. */
  closed (code: number, reason: string): void {
    if (this.#ended) return
    this.#end({ code, reason })
    this.#outbox.clear()
  }

  #end (end: End): void {
    this.#ended = true
    this.#held = undefined
    this.#owner.onEnd(this, end)
  }

  /** What waited is let go at once; the close frame follows what the socket has taken already. */
  #endSlow (): void {
    this.#outbox.clear()
    this.close('slow_consumer')
  }

  #hold (notification: Notification, held: Notification[]): boolean {
    this.#heldBytes += notification.frame.length
    if (this.#heldBytes > this.#owner.limits.maxBufferedBytes) {
      this.#endSlow()
      return false
    }
    held.push(notification)
    return true
  }
}
