import type { Identity } from '../access/identity.js'
import type { Notification, Replay } from '../broker/broker.js'
import type { ReadPage } from '../broker/cluster.js'
import { type CloseCode, errors } from '../errors.js'
import { encode, type Resume, type ServerFrame } from '../protocol/server-frames.js'
import type { ConnectionOwner, End } from './connection-owner.js'
import { Inbound } from './inbound.js'
import { Joining } from './joining.js'
import { MAX_JOINED_BYTES, Outbox } from './outbox.js'
import { statusFrame } from './status-frame.js'
import type { TcpHandle } from './tcp-handle.js'
import type { Transport } from './transport.js'

/** One socket: what it is sent, what it may send, and its end, which happens once. */
export class Connection implements Identity {
  readonly userId: string | null
  readonly row: number // Of the roster, where what a broadcast reads of it stands.
  readonly #transport: Transport
  #ended = false
  /** Undefined: notifications are delivered as they come. */
  #joining: Joining | undefined = new Joining()
  /** There is one only while something waits. */
  #outbox: Outbox | undefined
  #framesAtEnd = 0
  seesNames: boolean
  expiresAt: number | undefined
  readonly openedAt: number // By a clock that nobody sets.
  /** When the peer was last heard, in steps of `Heartbeats`, and what had been received by then. */
  heardAt = 0
  heardBytes = 0
  /** Kept by `Heartbeats`: when in the interval it is due. */
  place = 0
  /** What it has beyond this `seq` and did not take was read from the journal. */
  #joinedAt = 0
  readonly #owner: ConnectionOwner
  readonly #serial: number
  #inbound: Inbound | undefined

  constructor (owner: ConnectionOwner, serial: number, { userId, seesNames, expiresAt }: Identity, transport: Transport, position: number, now: number) {
    this.#owner = owner
    this.#serial = serial
    this.userId = userId
    this.seesNames = seesNames
    this.expiresAt = expiresAt
    this.openedAt = now
    this.#transport = transport
    this.row = owner.roster.add(this, position)
    transport.pause()
  }

  get id (): string { return `${this.#owner.idPrefix}-${this.#serial}` }
  get ended (): boolean { return this.#ended }
  get welcomed (): boolean { return this.#joining?.welcomed !== false }
  get framesIn (): number { return this.#inbound?.frames ?? 0 }
  get framesOut (): number { return this.#ended ? this.#framesAtEnd : this.#owner.roster.frames[this.row] ?? 0 }
  get receivedBytes (): number { return this.#transport.receivedBytes }
  get sentBytes (): number { return this.#transport.sentBytes }
  get waitingBytes (): number { return this.#outbox?.bytes ?? 0 }
  /** Nothing stands between this connection and what comes next. */
  get ready (): boolean { return this.#joining === undefined && this.#outbox === undefined }
  /** See `Transport.handle`. */
  get handle (): TcpHandle | undefined { return this.#transport.handle }

  /** `seq` of the newest notification that this connection is past. */
  get #position (): number { return this.#owner.roster.positions[this.row] ?? 0 }
  set #position (seq: number) { this.#owner.roster.positions[this.row] = seq }

  /** Sends the first frame and begins with what was missed; from here on frames are read. False: the answer is outdated, and the journal is to be asked again. */
  welcome (replay: Replay, resume: Resume, totalConnections: number, now: number): boolean {
    const joining = this.#joining
    if (joining === undefined) return true // It has ended.
    if (joining.takeOutdated()) return false
    joining.start(replay.read)
    const seq = resume === 'none' ? joining.startAt(replay.seq) : replay.seq
    this.#position = this.#joinedAt = Math.min(replay.after, seq)
    this.queue(encode(statusFrame(this, { ...replay, seq }, resume, totalConnections, now)))
    if (resume === 'none' && joining.isUpToDate(seq)) this.#joining = undefined
    this.hear() // Nothing that he may have sent was read before.
    this.#transport.resume()
    return true
  }

  /**
   * Reads and queues the next part of what was missed, and says how many that were; when nothing is left, notifications are delivered as they come.
   * @throws when the journal cannot be read
   */
  async readPage (): Promise<number> {
    const joining = this.#joining
    const page = await joining?.read(this.#position, Math.min(MAX_JOINED_BYTES, this.#owner.limits.maxBufferedBytes / 2))
    if (page === undefined || joining === undefined || this.#joining !== joining) return 0
    this.#owner.catchUp(this) // What is on its way counts him.
    if (page.gap !== undefined) {
      joining.start(page.gap.read)
      this.#joinedAt = Math.min(this.#joinedAt, page.gap.after)
      this.#owner.onGap(this, page.gap)
    }
    this.#position = page.lastSeq
    for (const { frame } of page.notifications) this.queue(frame)
    // Not before the last moment: a notification may have been passed over since the page was read.
    if (page.complete && this.#joining?.isUpToDate(page.lastSeq) === true) this.#joining = undefined
    else if (page.notifications.length === 0) this.#owner.onReadyForPage(this)
    return page.notifications.length
  }

  /**
   * Some may have been missed: from here on notifications are read from the journal again, until nothing is left to be read.
   * `after`: the `seq` up to which nothing was; undefined: it is another journal, and everything in it is new, which the client is told.
   */
  rejoin (read: ReadPage, after: number | undefined): void {
    if (this.#ended) return
    const { welcomed } = this
    if (after === undefined) this.#position = this.#joinedAt = 0
    else if (this.#joining === undefined) this.#position = this.#joinedAt = Math.max(this.#position, after)
    if (after === undefined || welcomed) this.#joining = new Joining()
    this.#owner.roster.hold(this.row)
    if (welcomed) this.#joining?.start(read)
    else this.#joining?.outdate()
    if (welcomed && this.#outbox === undefined) this.#owner.onReadyForPage(this)
  }

  /** Queues a notification if it is beyond what this connection has; says whether it gets it, or, if it is a personal one, has just read it. */
  take (notification: Notification): boolean {
    if (this.#ended) return false
    if (notification.seq <= this.#position) return notification.userId !== null && notification.seq > this.#joinedAt
    if (this.#joining !== undefined) return this.#joining.pass(notification)
    this.#position = notification.seq
    return this.queue(notification.frame)
  }

  /** Writes bytes that need not wait, because nothing else does; `how`: `writtenInPart` where the handle has not taken all of them. */
  write (frames: Buffer, how: 'write' | 'writtenInPart' = 'write'): void {
    if (this.#transport[how](frames)) return
    this.#outbox = Outbox.full(this.#transport, this)
    this.#owner.roster.hold(this.row)
  }

  /** Sends a heartbeat, which comes before nothing and after nothing, but not before the welcome. */
  beat (frame: Buffer): void {
    if (!this.welcomed) return
    if (this.#outbox !== undefined) this.queue(frame)
    else if (!this.#ended) {
      this.#owner.roster.countFrames(this.row, 1)
      this.write(frame)
    }
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
    const outbox = this.#outbox ??= new Outbox(this.#transport, this)
    this.#owner.roster.hold(this.row)
    const isFirst = outbox.bytes === 0 // It may be larger than all that may wait: it would never arrive.
    outbox.push(parts)
    const { maxBufferedBytes } = this.#owner.limits
    if (outbox.bytes > maxBufferedBytes) outbox.flush() // Only what the socket does not take waits.
    if (!isFirst && outbox.bytes > maxBufferedBytes) {
      outbox.discard() // What waited is let go at once; the close frame follows what the socket has taken already.
      this.close('slow_consumer')
      return false
    }
    this.#owner.roster.countFrames(this.row, 1)
    this.#owner.onQueued(this)
    return true
  }

  /** Writes what was queued. */
  flush (): void {
    this.#outbox?.flush()
    if (this.#outbox?.idle === true) this.#outbox = undefined
    if (this.#joining?.welcomed === true && this.#outbox === undefined) this.#owner.onReadyForPage(this)
  }

  /** The peer is there; says whether it was heard in this step of the heartbeats already. */
  hear (): boolean { return this.#owner.hear(this) }

  /** The account of what the peer sends, when a message has come. */
  receive (now: number): Inbound {
    this.hear()
    return (this.#inbound ??= new Inbound(this.#owner.limits, now))
  }

  /** Ends the connection with a closing handshake, behind what was queued. */
  close (code: CloseCode): void {
    if (this.#ended) return
    const { close, text } = errors[code]
    this.#end({ code: close, reason: text, cause: code })
    this.#outbox?.flushAll()
    this.#transport.close(close, text)
    this.#transport.resume() // Nothing was read before the welcome, and the peer's close frame is to be.
  }

  /** Ends the connection of a peer that will not shake hands. */
  abort (code: CloseCode): void {
    this.close(code)
    this.#transport.terminate()
  }

  /** The socket is closed, or closes by itself, for a `cause` that it has found: nothing can be sent any more but what is begun. */
  closed (code: number, reason: string, cause?: CloseCode): void {
    if (this.#ended) return
    this.#end({ code, reason, ...(cause !== undefined && { cause }) })
    this.#outbox?.discard()
  }

  #end (end: End): void {
    this.#framesAtEnd = this.framesOut
    this.#ended = true
    this.#joining = undefined
    this.#owner.roster.delete(this.row)
    this.#owner.onEnd(this, end)
  }
}
