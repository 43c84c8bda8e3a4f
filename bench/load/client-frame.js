const TEXT = 0x81
const PING = 0x89
const PONG = 0x8a

/** A short frame of a client (RFC 6455 §5.2). Its mask is zero, which is a mask like any other and costs nothing to apply. */
export function frame (head, payload) {
  const bytes = Buffer.alloc(6 + payload.length)
  bytes[0] = head
  bytes[1] = 0x80 | payload.length
  bytes.set(payload, 6)
  return bytes
}

export const text = (content) => frame(TEXT, Buffer.from(content))
export const ping = () => frame(PING, Buffer.alloc(0))
export const pong = (payload) => frame(PONG, payload)
