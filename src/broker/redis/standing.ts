/** A node that was away for so much longer than another may have been taken for dead, and not have been published to at all. */
const AWAY_MS = 5000

/** Where a node stands in the journal that Redis keeps. */
export class Standing {
  #epoch = ''
  readonly #newEpoch: string
  #named = 0
  #heard = 0
  #unreached = 0
  /** Up to this `seq` nothing that concerns this node was missed. */
  complete = 0

  constructor (newEpoch: string) {
    this.#newEpoch = newEpoch
  }

  /** Names the journal; '': it is not known yet. */
  get epoch (): string { return this.#epoch }
  /** The highest `seq` that was heard of. */
  get heard (): number { return this.#heard }
  /** The highest of what this node has published that did not reach every node that it was for. */
  get unreached (): number { return this.#unreached }

  /** What a journal is called if it begins with the next call of this node: another name each time. */
  nextEpoch (): string {
    const number = this.#named++
    return number === 0 ? this.#newEpoch : `${this.#newEpoch}${number.toString(36)}`
  }

  /** From here on the journal is of this epoch. */
  enter (epoch: string): void {
    if (epoch === this.#epoch) return
    this.#epoch = epoch
    this.#heard = this.#unreached = this.complete = 0
  }

  /**
   * Whether some of this journal, which is lost, may not have been heard here. What the nodes know of it: the newest, the newest that has not reached
   * every node that it was for, and how much longer than this one another was there, in ms.
   */
  mayLack (newest: number, unreached: number, longerMs: number): boolean {
    return unreached > this.complete || (newest > this.complete && longerMs > AWAY_MS)
  }

  hear (id: string): void {
    this.#heard = Math.max(this.#heard, this.#seqOf(id))
  }

  missReach (id: string): void {
    this.#unreached = Math.max(this.#unreached, this.#seqOf(id))
  }

  /** 0: it is of another journal. */
  #seqOf (id: string): number {
    return id.startsWith(`${this.#epoch}-`) ? Number(id.slice(this.#epoch.length + 1)) : 0
  }
}
