/** Ticks that a beat may take. */
const MAX_TICKS = 2

const PROBE = 'probe '

/** What a node sends to itself: it has to be answered, and to be heard. */
export class Beat {
  #number = 0
  #answered = true
  #heard = true
  #ticks = 0
  #sentAt: number
  /** When the newest came back, and how long that took, in ms. */
  heardAt: number
  tookMs = 0

  constructor (now: number) {
    this.#sentAt = this.heardAt = now
  }

  get pending (): boolean { return !this.#answered || !this.#heard }

  /** The text that is to be published, and what is to be called when Redis has answered. */
  begin (now: number): { text: string, answer: () => void } {
    const number = ++this.#number
    this.#answered = this.#heard = false
    this.#ticks = 0
    this.#sentAt = now
    return { text: `${PROBE}${number}`, answer: () => { if (number === this.#number) this.#answered = true } }
  }

  /** The id that was the newest when a beat was published; undefined: the message is no beat. */
  hear (message: Buffer, now: number): string | undefined {
    if (message.toString('latin1', 0, PROBE.length) !== PROBE) return undefined
    const [, number, id] = message.toString().split(' ')
    if (Number(number) === this.#number && !this.#heard) {
      this.#heard = true
      this.heardAt = now
      this.tookMs = now - this.#sentAt
    }
    return id
  }

  /** To be called with each tick while it is pending. */
  isLate (): boolean {
    return ++this.#ticks >= MAX_TICKS
  }

  reset (): void {
    this.#answered = this.#heard = true
  }
}
