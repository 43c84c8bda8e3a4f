import type { Transport } from './transport.js'

/** How much is joined into one write. */
export const MAX_JOINED_BYTES = 65_536

/** The frames that wait for one socket: they leave in order, joined, as fast as its reader takes them. */
export class Outbox {
  readonly #transport: Transport
  readonly #owner: { flush: () => void }
  /** Each frame in one part or several; what is shared with other connections stands here as it is, not as a copy. */
  #queue: Buffer[][] = []
  /** What is left of a frame whose first part is written: it comes before everything else, the close frame included. */
  #begun: Buffer[] = []
  #queuedBytes = 0
  /** The transport has taken what it can for now. */
  #full = false

  /** `owner` is asked to flush when the transport takes more. */
  constructor (transport: Transport, owner: { flush: () => void }) {
    this.#transport = transport
    this.#owner = owner
  }

  /** The outbox of a transport that has just taken all that it can. */
  static full (transport: Transport, owner: { flush: () => void }): Outbox {
    const outbox = new Outbox(transport, owner)
    outbox.#waitForDrain()
    return outbox
  }

  /** Nothing waits, and a write would leave at once. */
  get idle (): boolean { return !this.#full && this.#queuedBytes === 0 }

  /** Bytes that wait in this process. */
  get bytes (): number { return this.#queuedBytes + this.#transport.bufferedBytes }

  push (frame: Buffer[]): void {
    this.#queue.push(frame)
    this.#queuedBytes += bytesOf(frame)
  }

  /** Writes what waits, as far as the transport takes it. */
  flush (): void {
    while (!this.#full && this.#queuedBytes > 0) {
      if (!this.#transport.write(this.#shift())) this.#waitForDrain()
    }
  }

  /** Writes all that waits, whether the transport likes it or not. */
  flushAll (): void {
    const waiting = [...this.#begun, ...this.#queue.flat()]
    this.#begun = []
    this.#queue = []
    this.#queuedBytes = 0
    if (waiting.length > 0) this.#transport.write(Buffer.concat(waiting))
  }

  /** Lets go of what waits; the rest of a frame that is begun is written. */
  discard (): void {
    this.#queue = []
    this.flushAll()
  }

  #waitForDrain (): void {
    this.#full = true
    const onDrain = () => {
      this.#full = false
      this.#owner.flush()
    }
    this.#transport.onDrain = onDrain
  }

  /** Takes what is for one write from the front. */
  #shift (): Buffer {
    if (this.#begun.length === 0) this.#begun = this.#next()
    const part = this.#begun.shift() ?? NOTHING
    this.#queuedBytes -= part.length
    return part
  }

  /** The frames for one write, joined; one that is longer than that, in its parts. */
  #next (): Buffer[] {
    let taken = 0
    let bytes = 0
    for (const frame of this.#queue) {
      const length = bytesOf(frame)
      if (taken > 0 && bytes + length > MAX_JOINED_BYTES) break
      bytes += length
      taken++
    }
    const parts = this.#queue.splice(0, taken).flat()
    return bytes > MAX_JOINED_BYTES || parts.length === 1 ? parts : [Buffer.concat(parts)]
  }
}

const NOTHING = Buffer.alloc(0)

const bytesOf = (frame: Buffer[]): number => frame.reduce((sum, { length }) => sum + length, 0)
