import type { TcpHandle } from './tcp-handle.js'

/** What a connection needs of its socket. */
export interface Transport {
  /** Writes frames, or a part of one, at once. Says whether it will take more; if not, `onDrain` is called when it does. */
  write: (frames: Buffer) => boolean
  onDrain: (() => void) | undefined
  /** Where whole frames may be written to in place of `write`; undefined: nowhere at the moment. */
  readonly handle: TcpHandle | undefined
  /** The handle has not taken all of these frames. Says what `write` would have. */
  writtenInPart: (frames: Buffer) => boolean
  /** Starts the closing handshake, behind what was written. */
  close: (code: number, reason: string) => void
  /** Ends the socket at once. */
  terminate: () => void
  /** Stops and goes on reading what the peer sends. */
  pause: () => void
  resume: () => void
  /** Bytes that were written and wait in this process. */
  readonly bufferedBytes: number
  /** Bytes that have ever come from the peer. */
  readonly receivedBytes: number
  /** Bytes that have ever left for the peer: only grows. */
  readonly sentBytes: number
}
