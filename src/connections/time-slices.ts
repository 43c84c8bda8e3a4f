/** How long, in ms, pieces are begun in one turn of the event loop. */
const SLICE_MS = 0.2

/** What waits beyond this is done in the same turn, whatever it takes: where more comes than there is time for, it would wait ever longer. */
const MOST_WAITING = 32

/** Does work in pieces, in order, a slice in each turn of the event loop: what comes in from open sockets is served between two slices. */
export class TimeSlices {
  #waiting: Array<() => void> = []

  /** Does it in one of the next turns. */
  add (piece: () => void): void {
    // Twice: what a turn that reads from sockets leaves for its end is done before they are read from again.
    if (this.#waiting.push(piece) === 1) setImmediate(() => { this.#continue() })
  }

  #continue (): void {
    setImmediate(() => { this.#run() })
  }

  #run (): void {
    const pieces = this.#waiting
    const end = performance.now() + SLICE_MS
    let done = 0
    try {
      do pieces[done++]?.()
      while (done < pieces.length && (pieces.length - done > MOST_WAITING || performance.now() < end))
    } finally {
      this.#waiting = pieces.slice(done)
      if (this.#waiting.length > 0) this.#continue()
    }
  }
}
