export interface RawFrame {
  opcode: number
  payload: Buffer
}

/** The frames in bytes of a server (RFC 6455 §5.2: unmasked, unfragmented), and what is left of an unfinished one. */
export function parseFrames (bytes: Buffer): { frames: RawFrame[], rest: Buffer } {
  const frames: RawFrame[] = []
  let rest = bytes
  for (;;) {
    const short = (rest[1] ?? 0) & 0x7f
    const head = short === 126 ? 4 : short === 127 ? 10 : 2
    if (rest.length < head) return { frames, rest }
    const length = short === 126 ? rest.readUInt16BE(2) : short === 127 ? Number(rest.readBigUInt64BE(2)) : short
    if (rest.length < head + length) return { frames, rest }
    frames.push({ opcode: (rest[0] ?? 0) & 0x0f, payload: rest.subarray(head, head + length) })
    rest = rest.subarray(head + length)
  }
}
