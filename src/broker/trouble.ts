/** What is wrong, if something is: reported when it begins, and when it ends. */
export class Trouble {
  readonly #report: (error: unknown) => void
  #text: string | undefined

  /** `report` gets the error, or undefined. */
  constructor (report: (error: unknown) => void) {
    this.#report = report
  }

  get text (): string | undefined { return this.#text }

  /** `error`: undefined when nothing is wrong any more. */
  note (error: unknown): void {
    const text = error === undefined ? undefined : error instanceof Error ? error.message : String(error)
    if ((text === undefined) !== (this.#text === undefined)) this.#report(error)
    this.#text = text
  }
}
