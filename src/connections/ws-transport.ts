import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import { canWriteToHandles, handleOf, learnRequest, type TcpHandle, whenWritten, writeToHandle } from './tcp-handle.js'
import type { Transport } from './transport.js'

/**
 * A `ws` socket for what comes in and for control frames; data frames are written as they are to the TCP socket under it,
 * past the machinery of streams, which costs as much again as the rest of our part of a write. Where something is not as
 * expected, TLS for one, they are written to the stream.
 */
export class WsTransport implements Transport {
  onDrain: (() => void) | undefined
  readonly #webSocket: WebSocket
  readonly #socket: Socket
  readonly #handle: TcpHandle | undefined
  /** A direct write is not through yet. */
  #busy = false

  constructor (webSocket: WebSocket, socket: Socket) {
    this.#webSocket = webSocket
    this.#socket = socket
    this.#handle = handleOf(socket)
  }

  /** What waits in the stream goes first. */
  get handle (): TcpHandle | undefined { return this.#busy || !canWriteToHandles() || this.#socket.writableLength > 0 ? undefined : this.#handle }

  write (frames: Buffer): boolean {
    const { handle } = this
    if (handle === undefined) return this.#writeToStream(frames)
    return writeToHandle(handle, frames) || this.writtenInPart(frames)
  }

  writtenInPart (frames: Buffer): boolean {
    this.#busy = whenWritten(frames, (status) => {
      this.#busy = false
      if (status !== 0) this.#socket.destroy()
      else this.onDrain?.()
    })
    if (!this.#busy) this.#socket.destroy()
    return !this.#busy
  }

  /** A peer that has half-closed without a close frame gets none: `ws` would send it behind nothing, and wait for ever for one that does not read. */
  close (code: number, reason: string): void {
    if (this.#webSocket.readyState === this.#webSocket.OPEN) this.#webSocket.close(code, reason)
    else this.terminate()
  }

  terminate (): void { this.#webSocket.terminate() }
  pause (): void { this.#webSocket.pause() }
  resume (): void { this.#webSocket.resume() }
  get bufferedBytes (): number { return this.#socket.writableLength + (this.#busy ? this.#handle?.writeQueueSize ?? 0 : 0) }
  get receivedBytes (): number { return this.#socket.bytesRead }
  get sentBytes (): number { return this.#socket.bytesWritten - this.#socket.writableLength }

  #writeToStream (frames: Buffer): boolean {
    if (this.#handle !== undefined && !canWriteToHandles()) learnRequest(this.#handle)
    if (this.#socket.write(frames)) return true
    this.#socket.once('drain', () => { this.onDrain?.() })
    return false
  }
}
