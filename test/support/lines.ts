/** Lines as they come; one that has come already is found too. */
export class Lines {
  readonly all: string[] = []
  #ended = false
  readonly #waiting: Array<() => void> = []

  push (line: string): void {
    this.all.push(line)
    this.#wake()
  }

  end (): void {
    this.#ended = true
    this.#wake()
  }

  get text (): string { return this.all.join('\n') }

  /** The line of this number; fails when there will be none. */
  async at (index: number): Promise<string> {
    for (;;) {
      const line = this.all[index]
      if (line !== undefined) return line
      if (this.#ended) throw new Error(`there are only ${this.all.length} lines:\n${this.text}`)
      await new Promise<void>((resolve) => { this.#waiting.push(resolve) })
    }
  }

  /** The first line that matches; fails when there will be none. */
  async match (pattern: RegExp): Promise<RegExpExecArray> {
    for (let i = 0; ; i++) {
      const found = pattern.exec(await this.at(i))
      if (found !== null) return found
    }
  }

  #wake (): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
