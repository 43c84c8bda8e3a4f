import type { Duplex } from 'node:stream'

/** An empty pong of a client, but for the four bytes of its mask (RFC 6455 §5.5.3). */
const PONG = 0x8a
const MASKED = 0x80
const PONG_BYTES = 6

/**
 * Takes the answers to heartbeats out of what a socket reads, before they go through two streams and the parser of `ws`:
 * of clients that idle there is nothing else, and that way is most of what it costs.
 * Only a pong that is read by itself, where a frame begins, is taken. All else goes on, and from `ws` come the pongs in it.
 */
export function takePongs (socket: Duplex, onPong: () => void): void {
  const { push: pushOn } = socket
  /** Bytes until the next frame begins; NaN: it is not known any more. */
  let left = socket.readableLength === 0 ? 0 : NaN
  const push: Duplex['push'] = (chunk: Buffer | null, ...rest) => {
    if (chunk !== null && left === 0 && isPong(chunk) && !socket.isPaused()) {
      onPong()
      return true
    }
    if (chunk !== null) left = leftAfter(chunk, left)
    return pushOn.call(socket, chunk, ...rest)
  }
  socket.push = push
}

const isPong = (bytes: Buffer): boolean => bytes.length === PONG_BYTES && bytes[0] === PONG && bytes[1] === MASKED

function leftAfter (bytes: Buffer, left: number): number {
  let at = left
  while (at < bytes.length) at += frameLength(bytes, at)
  return at - bytes.length
}

/** Of the frame that begins there (RFC 6455 §5.2); NaN when that is not in these bytes. */
function frameLength (bytes: Buffer, at: number): number {
  if (at + 2 > bytes.length) return NaN
  const length = bytes.readUInt8(at + 1) - MASKED
  if (length < 0) return NaN
  if (length < 126) return 6 + length
  if (length === 126) return at + 4 > bytes.length ? NaN : 8 + bytes.readUInt16BE(at + 2)
  return at + 10 > bytes.length ? NaN : 14 + Number(bytes.readBigUInt64BE(at + 2))
}
