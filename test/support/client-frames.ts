import { randomBytes } from 'node:crypto'

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

export interface FrameForm {
  fin?: boolean
  /** The reserved bits (RFC 6455 §5.2): 4 is RSV1. */
  rsv?: number
  masked?: boolean
  /** What the head says, where it is not the length of the payload. */
  length?: number
}

/** The bytes of a frame of a client, in any form, right or wrong (RFC 6455 §5.2). */
export function clientFrame (opcode: number, payload: Buffer | string = '', { fin = true, rsv = 0, masked = true, length }: FrameForm = {}): Buffer {
  const body = Buffer.from(payload)
  const size = length ?? body.length
  const extended = size < 126 ? Buffer.alloc(0) : Buffer.alloc(size < 65_536 ? 2 : 8)
  if (extended.length === 2) extended.writeUInt16BE(size)
  if (extended.length === 8) extended.writeBigUInt64BE(BigInt(size))
  const head = Buffer.from([(fin ? 0x80 : 0) | rsv << 4 | opcode, (masked ? 0x80 : 0) | (size < 126 ? size : size < 65_536 ? 126 : 127)])
  if (!masked) return Buffer.concat([head, extended, body])

  const mask = randomBytes(4)
  return Buffer.concat([head, extended, mask, body.map((byte, i) => byte ^ (mask[i % 4] ?? 0))])
}

export const textFrame = (value: unknown): Buffer => clientFrame(opcodes.text, JSON.stringify(value))

/** The payload of a close frame (RFC 6455 §5.5.1). */
export function closePayload (code: number, reason: Buffer | string = ''): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(code)
  return Buffer.concat([bytes, Buffer.from(reason)])
}
