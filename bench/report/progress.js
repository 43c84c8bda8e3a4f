/** Says on stderr what is going on: in one line that changes on a terminal, in plain lines elsewhere. */
export class Progress {
  #stream = process.stderr
  #started = Date.now()
  #figure = ''

  figure (number, count, title) {
    this.#figure = `[${number}/${count}] ${title}`
  }

  step (text) {
    const line = `${this.#elapsed()} ${this.#figure}: ${text}`
    if (this.#stream.isTTY) this.#stream.write(`\r\x1b[K${line.slice(0, this.#stream.columns - 1)}`)
    else this.#stream.write(`${line}\n`)
  }

  /** Something that stays. */
  note (text) {
    this.clear()
    this.#stream.write(`${text}\n`)
  }

  clear () {
    if (this.#stream.isTTY) this.#stream.write('\r\x1b[K')
  }

  #elapsed () {
    const seconds = Math.round((Date.now() - this.#started) / 1000)
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
  }
}
