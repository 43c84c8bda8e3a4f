import { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { Transport } from './transport.js'

/** What stands under a TCP socket in Node: private, so it is checked before it is used. */
interface Handle {
  writeBuffer: (request: WriteRequest, bytes: Buffer) => number
  /** Bytes that the kernel has not taken yet. */
  readonly writeQueueSize: number
}

interface WriteRequest {
  buffer?: Buffer
  oncomplete?: (status: number) => void
}

/** Node's class of write requests, seen the first time that a socket writes. */
let Request: (new () => WriteRequest) | undefined
/** A request is used up only by a write that the kernel does not take at once. */
let spare: WriteRequest | undefined

/**
 * A `ws` socket for what comes in and for control frames; data frames are written as they are to the TCP socket under it,
 * past the machinery of streams, which costs as much again as the rest of our part of a write. Where something is not as
 * expected, TLS for one, they are written to the stream.
 */
export class WsTransport implements Transport {
  onDrain: (() => void) | undefined
  readonly #webSocket: WebSocket
  readonly #socket: Socket
  readonly #handle: Handle | undefined
  /** A direct write is not through yet. */
  #busy = false

  constructor (webSocket: WebSocket, socket: Socket) {
    this.#webSocket = webSocket
    this.#socket = socket
    this.#handle = handleOf(socket)
  }

  write (frames: Buffer): boolean {
    const handle = this.#handle
    if (handle === undefined || Request === undefined || this.#busy) return this.#writeToStream(frames)

    spare ??= new Request()
    if (handle.writeBuffer(spare, frames) !== 0) this.#socket.destroy()
    else if (handle.writeQueueSize > 0) return this.#wait(spare, frames)
    return true
  }

  close (code: number, reason: string): void { this.#webSocket.close(code, reason) }
  terminate (): void { this.#webSocket.terminate() }
  pause (): void { this.#webSocket.pause() }
  resume (): void { this.#webSocket.resume() }
  get bufferedBytes (): number { return this.#socket.writableLength + (this.#busy ? this.#handle?.writeQueueSize ?? 0 : 0) }
  get receivedBytes (): number { return this.#socket.bytesRead }
  get sentBytes (): number { return this.#socket.bytesWritten - this.#socket.writableLength }

  #wait (request: WriteRequest, frames: Buffer): false {
    spare = undefined
    this.#busy = true
    request.buffer = frames // The kernel has not taken all of it: it must not be collected.
    request.oncomplete = (status) => {
      this.#busy = false
      if (status !== 0) this.#socket.destroy()
      else this.onDrain?.()
    }
    return false
  }

  #writeToStream (frames: Buffer): boolean {
    if (this.#handle !== undefined && Request === undefined) learnRequest(this.#handle)
    if (this.#socket.write(frames)) return true
    this.#socket.once('drain', () => { this.onDrain?.() })
    return false
  }
}

/** The handle of an open, unencrypted socket, if it is what is expected of it. */
function handleOf (socket: Socket): Handle | undefined {
  if (socket.constructor !== Socket || !('_handle' in socket)) return undefined
  const handle = socket._handle as Partial<Handle> | null
  return typeof handle?.writeBuffer === 'function' && typeof handle.writeQueueSize === 'number' ? handle as Handle : undefined
}

/** Looks at the request of the write that follows. */
function learnRequest (handle: Handle): void {
  const { writeBuffer } = handle
  handle.writeBuffer = (request, bytes) => {
    Request = request.constructor as new () => WriteRequest
    handle.writeBuffer = writeBuffer
    return writeBuffer.call(handle, request, bytes)
  }
}
