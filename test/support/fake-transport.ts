import type { Transport } from '../../src/connections/transport.js'
import { parseFrames } from './frames.js'

/** A transport that remembers; `bufferedBytes`, `receivedBytes` and `takesMore` are what a test sets them to. */
export class FakeTransport implements Transport {
  writes: Buffer[] = []
  paused = false
  closedWith: number | undefined
  terminated = false
  bufferedBytes = 0
  receivedBytes = 0
  sentBytes = 0
  takesMore = true
  onDrain: (() => void) | undefined
  readonly handle = undefined
  writtenInPart = (): boolean => true

  write (frames: Buffer): boolean {
    this.writes.push(frames)
    return this.takesMore
  }

  pause (): void { this.paused = true }
  resume (): void { this.paused = false }
  close (code: number): void { this.closedWith = code }
  terminate (): void { this.terminated = true }

  /** Takes again what comes. */
  drain (): void {
    this.takesMore = true
    this.onDrain?.()
  }

  get frames () { return parseFrames(Buffer.concat(this.writes)).frames }
  get pings (): number { return this.frames.filter(({ opcode }) => opcode === 9).length }
  get sent (): Array<Record<string, unknown>> {
    return this.frames.filter(({ opcode }) => opcode === 1).map(({ payload }) => JSON.parse(payload.toString()))
  }

  get types (): unknown[] { return this.sent.map(({ type }) => type) }
}
