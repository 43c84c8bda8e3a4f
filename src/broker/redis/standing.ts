/** Where a node stands in the journal that Redis keeps. */
export class Standing {
  #epoch = ''
  readonly #newEpoch: string
  #named = 0
  #heard = 0
  #completeTo = 0

  constructor (newEpoch: string) {
    this.#newEpoch = newEpoch
  }

  /** Names the journal; '': it is not known yet. */
  get epoch (): string { return this.#epoch }
  /** The highest `seq` that was heard of. */
  get heard (): number { return this.#heard }
  /** Up to this `seq` nothing that concerns this node was missed. */
  get completeTo (): number { return this.#completeTo }

  /** What a journal is called if it begins with the next call of this node: another name each time. */
  nextEpoch (): string {
    const number = this.#named++
    return number === 0 ? this.#newEpoch : `${this.#newEpoch}${number.toString(36)}`
  }

  /** From here on the journal is of this epoch. */
  enter (epoch: string): void {
    if (epoch === this.#epoch) return
    this.#epoch = epoch
    this.#heard = this.#completeTo = 0
  }

  hear (id: string): void {
    this.#heard = Math.max(this.#heard, this.#seqOf(id))
  }

  /** All that was published for this node up to this id has come in. */
  complete (id: string): void {
    this.hear(id)
    this.#completeTo = Math.max(this.#completeTo, this.#seqOf(id))
  }

  /** 0: it is of another journal. */
  #seqOf (id: string): number {
    return id.startsWith(`${this.#epoch}-`) ? Number(id.slice(this.#epoch.length + 1)) : 0
  }
}
