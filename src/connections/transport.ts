/** What a connection needs of its socket. */
export interface Transport {
  send: (text: string) => void
  /** A protocol-level ping (RFC 6455 §5.5.2), which a live peer answers by itself. */
  ping: () => void
  /** Starts the closing handshake. */
  close: (code: number, reason: string) => void
  /** Ends the socket at once. */
  terminate: () => void
  /** Stops and goes on reading what the peer sends. */
  pause: () => void
  resume: () => void
  /** Bytes that wait in this process to be sent. */
  readonly bufferedBytes: number
  /** Bytes that have ever come from the peer. */
  readonly receivedBytes: number
}
