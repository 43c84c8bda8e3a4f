/** How much of a turn of the event loop, in ms, what waits here may take, and then no more than it has begun. */
const SLICE_MS = 0.2

/** If more waits than this, there is more of it than time: it is done whatever it takes, or it would wait for ever. */
const MOST_WAITING = 32

/** Work in pieces, done in order, that sockets which are open do not wait for: they get a turn between one slice of it and the next. */
export class TimeSlices {
  #waiting: Array<() => void> = []

  /** Does it in one of the next turns. */
  add (piece: () => void): void {
    // What a turn that reads sockets leaves for its end belongs to it: it would be done before they are looked at again.
    if (this.#waiting.push(piece) === 1) setImmediate(() => { this.#continue() })
  }

  #continue (): void {
    setImmediate(() => { this.#run() })
  }

  #run (): void {
    const pieces = this.#waiting
    const end = performance.now() + SLICE_MS
    let done = 0
    do pieces[done]?.()
    while (++done < pieces.length && (pieces.length - done > MOST_WAITING || performance.now() < end))
    this.#waiting = pieces.slice(done)
    if (this.#waiting.length > 0) this.#continue()
  }
}
