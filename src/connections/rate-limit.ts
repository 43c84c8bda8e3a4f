export type Verdict = 'within' | 'over' | 'far_over'

/**
 * A token bucket for the frames of one connection: `perSecond` for ever, twice that in a burst.
 * What comes over it is told apart: the first second's worth is only refused, more than that is `far_over`.
 * A client that keeps quiet until half of its burst is there again starts afresh.
 */
export class RateLimit {
  readonly #perSecond: number
  #tokens: number
  #filledAt: number
  #over = 0

  constructor (perSecond: number, now: number) {
    this.#perSecond = perSecond
    this.#tokens = 2 * perSecond
    this.#filledAt = now
  }

  take (now: number): Verdict {
    const earned = Math.max(0, now - this.#filledAt) / 1000 * this.#perSecond
    this.#tokens = Math.min(2 * this.#perSecond, this.#tokens + earned)
    this.#filledAt = now
    if (this.#tokens >= this.#perSecond) this.#over = 0

    if (this.#tokens >= 1) {
      this.#tokens--
      return 'within'
    }
    return ++this.#over > this.#perSecond ? 'far_over' : 'over'
  }
}
