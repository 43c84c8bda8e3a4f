import type { Identity } from '../access/identity.js'
import type { Notification, Replay } from '../broker/broker.js'
import { type AppError, type CloseCode, errors } from '../errors.js'
import { encode, type Resume, type ServerFrame } from '../protocol/server-frames.js'
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

/** One socket: what it is sent, what it may send, and its end, which happens once. */
export class Connection implements Identity {
  readonly id: string
  readonly userId: string | null
  readonly seesNames: boolean
  readonly openedAt: number
  framesIn = 0
  framesOut = 0
  readonly #transport: Transport
  readonly #limits: ConnectionLimits
  readonly #rateLimit: RateLimit
  readonly #onEnd: (connection: Connection, end: End) => void
  #errorsInRow = 0
  #ended = false
  /** Notifications that came before the welcome; undefined after it. */
  #held: Notification[] | undefined = []
  #heldBytes = 0
  /** `seq` of the newest notification that this connection is past. */
  #position = 0

  constructor (
    id: string,
    { userId, seesNames }: Identity,
    transport: Transport,
    limits: ConnectionLimits,
    now: number,
    onEnd: (connection: Connection, end: End) => void
  ) {
    this.id = id
    this.userId = userId
    this.seesNames = seesNames
    this.openedAt = now
    this.#transport = transport
    this.#limits = limits
    this.#rateLimit = new RateLimit(limits.messageRate, now)
    this.#onEnd = onEnd
    transport.pause()
  }

  get ended (): boolean { return this.#ended }
  get receivedBytes (): number { return this.#transport.receivedBytes }

  /** Sends the first frame, then what was missed, then what came meanwhile; from here on frames are read and delivery is live. */
  welcome ({ notifications, lastEventId, lastSeq }: Replay, resume: Resume, totalConnections: number, now: number): void {
    if (this.#ended) return

    this.send({
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
    })
    for (const { frame } of notifications) this.#sendText(frame)
    // A return is caught up to here by the replay; who asked for none gets all that came since he joined.
    if (resume !== 'none') this.#position = lastSeq

    const held = this.#held ?? []
    this.#held = undefined
    for (const notification of held) this.deliver(notification)
    this.#transport.resume()
  }

  /** Takes a notification if it is beyond what this connection has; says whether it was taken. */
  deliver (notification: Notification): boolean {
    if (this.#ended) return false
    if (this.#held !== undefined) return this.#hold(notification)
    if (notification.seq <= this.#position) return false

    this.#position = notification.seq
    return this.#sendText(notification.frame)
  }

  send (frame: ServerFrame): void {
    this.#sendText(encode(frame))
  }

  /** Sends an encoded heartbeat, and a ping of the protocol with it. */
  beat (heartbeat: string): void {
    if (this.#sendText(heartbeat)) this.#transport.ping()
  }

  /** Counts a frame that came in and says whether it may be looked at; one that comes too fast is answered here. */
  admitFrame (now: number): 'within' | 'over' {
    this.framesIn++
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
    if (code !== 'rate_limited' && ++this.#errorsInRow > this.#limits.maxErrors) this.close('too_many_errors')
  }

  /** Ends the connection with a closing handshake. */
  close (code: CloseCode): void {
    if (this.#ended) return

    const { close, text } = errors[code]
    this.#end({ code: close, reason: text })
    this.#transport.close(close, text)
  }

  /** Ends the connection of a peer that will not shake hands. */
  abort (code: CloseCode): void {
    this.close(code)
    this.#transport.terminate()
  }

  /** The socket is closed, by either side. */
  closed (code: number, reason: string): void {
    if (!this.#ended) this.#end({ code, reason })
  }

  #end (end: End): void {
    this.#ended = true
    this.#held = undefined
    this.#onEnd(this, end)
  }

  #hold (notification: Notification): boolean {
    this.#heldBytes += notification.frame.length
    if (this.#heldBytes > this.#limits.maxBufferedBytes) {
      this.close('slow_consumer')
      return false
    }
    this.#held?.push(notification)
    return true
  }

  #sendText (text: string): boolean {
    if (this.#ended) return false
    if (this.#transport.bufferedBytes > this.#limits.maxBufferedBytes) {
      this.close('slow_consumer')
      return false
    }
    this.#transport.send(text)
    this.framesOut++
    return true
  }
}
