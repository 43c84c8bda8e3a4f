import { RateLimit } from './rate-limit.js'

export interface InboundLimits {
  maxErrors: number
  messageRate: number
}

const MAX_LATE = 1000

/** What one connection has sent: how much, how fast, and how often in a row it could not be accepted. */
export class Inbound {
  frames = 0
  /** A token is being checked. */
  authenticating = false
  readonly #limits: InboundLimits
  readonly #rateLimit: RateLimit
  #errorsInRow = 0
  #late = 0

  constructor (limits: InboundLimits, now: number) {
    this.#limits = limits
    this.#rateLimit = new RateLimit(limits.messageRate, now)
  }

  /** Counts a frame, and says how its pace is. */
  take (now: number): ReturnType<RateLimit['take']> {
    this.frames++
    return this.#rateLimit.take(now)
  }

  /** A frame was understood and answered. */
  accepted (): void {
    this.#errorsInRow = 0
  }

  /** A frame came after the end; says whether that was one too many for a peer who has not yet read that it is the end. */
  late (): boolean {
    return ++this.#late > MAX_LATE
  }

  /** A frame was not accepted; says whether that was one too many in a row. */
  refused (): boolean {
    return ++this.#errorsInRow > this.#limits.maxErrors
  }
}
