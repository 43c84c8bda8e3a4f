const CONTINUATION = 0
const TEXT = 1
const CLOSE = 8
const PING = 9
const PONG = 10

/**
 * Reads the frames of a server (RFC 6455 §5.2) as far as counting needs it: headers, and past what they announce.
 * `handler` gets `onText(length, first, second)`, where the last two are the first bytes of the text if `peeks`,
 * and `onPing(payload)`, `onPong()`, `onClose()`.
 */
export class FrameReader {
  #handler
  #peeks
  #opcode = 0
  #length = 0
  #first = 0
  #second = 0
  /** Bytes of the present frame that are still to come. */
  #left = 0
  /** What has come of a header that is not complete. */
  #rest

  constructor (handler, peeks = false) {
    this.#handler = handler
    this.#peeks = peeks
  }

  read (bytes, start, end) {
    if (this.#rest !== undefined) {
      bytes = Buffer.concat([this.#rest, bytes.subarray(start, end)])
      start = 0
      end = bytes.length
      this.#rest = undefined
    }
    while (start < end) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, end - start)
        start += taken
        this.#left -= taken
        if (this.#left === 0) this.#finish()
        continue
      }
      const size = this.#readHeader(bytes, start, end)
      if (size === 0) {
        this.#rest = Buffer.from(bytes.subarray(start, end))
        return
      }
      start += size
    }
  }

  /** The bytes that were taken; 0 if more have to come first. Control frames, which are short, are taken whole. */
  #readHeader (bytes, start, end) {
    const available = end - start
    if (available < 2) return 0
    const opcode = bytes[start] & 0x0f
    let length = bytes[start + 1] & 0x7f
    let header = 2
    if (length === 126) {
      if (available < 4) return 0
      length = bytes.readUInt16BE(start + 2)
      header = 4
    } else if (length === 127) {
      if (available < 10) return 0
      length = Number(bytes.readBigUInt64BE(start + 2))
      header = 10
    }

    const payload = start + header
    if (opcode >= CLOSE) {
      if (available < header + length) return 0
      this.#control(opcode, bytes.subarray(payload, payload + length))
      return header + length
    }
    if (this.#peeks) {
      if (available < header + Math.min(length, 2)) return 0
      this.#first = bytes[payload]
      this.#second = length > 1 ? bytes[payload + 1] : 0
    }
    this.#opcode = opcode
    this.#length = length
    this.#left = length
    if (length === 0) this.#finish()
    return header
  }

  #finish () {
    if (this.#opcode === TEXT || this.#opcode === CONTINUATION) this.#handler.onText(this.#length, this.#first, this.#second)
  }

  #control (opcode, payload) {
    if (opcode === PING) this.#handler.onPing(payload)
    else if (opcode === PONG) this.#handler.onPong()
    else if (opcode === CLOSE) this.#handler.onClose()
  }
}
