import type { Transport } from './transport.js'

/** How much is joined into one write. */
export const MAX_JOINED_BYTES = 65_536

/** The frames that wait for one socket: they leave in order, joined, as fast as its reader takes them. */
export class Outbox {
  readonly #transport: Transport
  readonly #owner: { flush: () => void }
  /** Frames that are shared with other connections stand here as they are, not as copies. */
  #queue: Buffer[] = []
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

  push (frames: Buffer): void {
    this.#queue.push(frames)
    this.#queuedBytes += frames.length
  }

  /** Writes what waits, as far as the transport takes it. */
  flush (): void {
    while (!this.#full && this.#queuedBytes > 0) {
      if (!this.#transport.write(this.#shift())) this.#waitForDrain()
    }
  }

  /** Writes all that waits, whether the transport likes it or not. */
  flushAll (): void {
    if (this.#queuedBytes > 0) this.#transport.write(Buffer.concat(this.#queue))
    this.clear()
  }

  clear (): void {
    this.#queue = []
    this.#queuedBytes = 0
  }

  #waitForDrain (): void {
    this.#full = true
    const onDrain = () => {
      this.#full = false
      this.#owner.flush()
    }
    this.#transport.onDrain = onDrain
  }

  /** Takes the frames for one write from the front. */
  #shift (): Buffer {
    let taken = 0
    let bytes = 0
    for (const { length } of this.#queue) {
      if (taken > 0 && bytes + length > MAX_JOINED_BYTES) break
      bytes += length
      taken++
    }
    this.#queuedBytes -= bytes
    const frames = this.#queue.splice(0, taken)
    return frames.length === 1 && frames[0] !== undefined ? frames[0] : Buffer.concat(frames)
  }
}
