/** Ticks that a beat may take. */
const MAX_TICKS = 2

const PROBE = 'probe '

/** What a node sends to itself: it has to be answered, and to be heard. */
export class Beat {
  #number = 0
  #answered = true
  #heard = true
  #ticks = 0

  get pending (): boolean { return !this.#answered || !this.#heard }

  /** The text that is to be published, and what is to be called when Redis has answered. */
  begin (): { text: string, answer: () => void } {
    const number = ++this.#number
    this.#answered = this.#heard = false
    this.#ticks = 0
    return { text: `${PROBE}${number}`, answer: () => { if (number === this.#number) this.#answered = true } }
  }

  /** The `seq` that was the newest when a beat was published; undefined: the message is no beat. */
  hear (message: Buffer): number | undefined {
    if (message.toString('latin1', 0, PROBE.length) !== PROBE) return undefined
    const [, number, seq] = message.toString().split(' ')
    if (Number(number) === this.#number) this.#heard = true
    return Number(seq)
  }

  /** To be called with each tick while it is pending. */
  isLate (): boolean {
    return ++this.#ticks >= MAX_TICKS
  }

  reset (): void {
    this.#answered = this.#heard = true
  }
}
