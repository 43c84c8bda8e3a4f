/** The bytes of an unmasked, unfragmented text frame (RFC 6455 §5.2) with this payload: what every socket is sent. `allocate` takes the length. */
export function textFrame (text: string, allocate: (bytes: number) => Buffer = Buffer.allocUnsafe): Buffer {
  const length = Buffer.byteLength(text)
  const frame = allocate(headLength(length) + length)
  writeHead(frame, length)
  frame.write(text, headLength(length))
  return frame
}

/** The same for a payload in parts, which are not copied. */
export function textFrameOf (parts: Buffer[]): Buffer[] {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const head = Buffer.allocUnsafe(headLength(length))
  writeHead(head, length)
  return [head, ...parts]
}

const headLength = (length: number): number => length < 126 ? 2 : length < 65_536 ? 4 : 10

const FIN_TEXT = 0x81

function writeHead (frame: Buffer, length: number): void {
  frame[0] = FIN_TEXT
  if (length < 126) {
    frame[1] = length
  } else if (length < 65_536) {
    frame[1] = 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = 127
    frame.writeBigUInt64BE(BigInt(length), 2)
  }
}

/** An empty ping (RFC 6455 §5.5.2). */
export const pingFrame = Buffer.from([0x89, 0x00])

/** The answer to a ping, with what stood in it, which is at most 125 bytes (RFC 6455 §5.5.3). */
export const pongFrame = (payload: Buffer): Buffer => Buffer.concat([Buffer.from([0x8a, payload.length]), payload])
