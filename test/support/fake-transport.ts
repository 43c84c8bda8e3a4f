import type { Transport } from '../../src/connections/transport.js'

/** A transport that remembers; `bufferedBytes` and `receivedBytes` are what a test sets them to. */
export class FakeTransport implements Transport {
  sent: Array<Record<string, unknown>> = []
  pings = 0
  paused = false
  closedWith: number | undefined
  terminated = false
  bufferedBytes = 0
  receivedBytes = 0

  send (text: string): void { this.sent.push(JSON.parse(text)) }
  ping (): void { this.pings++ }
  pause (): void { this.paused = true }
  resume (): void { this.paused = false }
  close (code: number): void { this.closedWith = code }
  terminate (): void { this.terminated = true }

  get types (): unknown[] { return this.sent.map(({ type }) => type) }
}
