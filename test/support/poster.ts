import { setTimeout as sleep } from 'node:timers/promises'
import { ALL_SCOPES, SECRET } from './app.js'
import { sign } from './token.js'

export interface Posted {
  id: string
  /** Null: a broadcast. */
  userId: string | null
  excludeUser: string | null
}

/** Sends notifications, to one of the users or to all, each as soon as the one before it is answered, or `pauseMs` later. */
export class Poster {
  readonly answered: Posted[] = []
  readonly problems: string[] = []
  unanswered = 0
  refused = 0
  readonly #name: string
  readonly #users: string[]
  readonly #address: () => string
  /** A call that was not answered is repeated with its idempotency key until it is; else it is given up. */
  readonly #insists: boolean
  readonly #pauseMs: number
  readonly #authorization = `Bearer ${sign({ scope: ALL_SCOPES }, SECRET)}`
  #stopped = false
  #count = 0

  constructor ({ name, users, address, insists, pauseMs = 0 }: { name: string, users: string[], address: () => string, insists: boolean, pauseMs?: number }) {
    this.#name = name
    this.#users = users
    this.#address = address
    this.#insists = insists
    this.#pauseMs = pauseMs
  }

  async run (): Promise<void> {
    while (!this.#stopped) {
      await this.#send(++this.#count)
      if (this.#pauseMs > 0) await sleep(this.#pauseMs)
    }
  }

  stop (): void {
    this.#stopped = true
  }

  async #send (number: number): Promise<void> {
    const userId = number % 5 === 0 ? null : this.#pick()
    const excludeUser = userId === null && number % 2 === 0 ? this.#pick() : null
    const body = { notification_type: 'numbered', message: { from: this.#name, number }, ...(excludeUser !== null && { exclude_user: excludeUser }) }
    for (;;) {
      const id = await this.#post(userId === null ? '/broadcast' : `/notify/${userId}`, JSON.stringify(body), `${this.#name}-${number}`)
      if (id !== undefined) this.answered.push({ id, userId, excludeUser })
      if (id !== undefined || !this.#insists || this.#stopped) return
      await sleep(20)
    }
  }

  /** The id, if there was an answer that has one. */
  async #post (path: string, body: string, key: string): Promise<string | undefined> {
    try {
      const response = await fetch(`${this.#address()}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: this.#authorization, ...(this.#insists && { 'idempotency-key': key }) },
        body,
        signal: AbortSignal.timeout(20_000)
      })
      const answer = await response.json() as { id?: string, stored?: boolean }
      if (response.status === 200 && answer.stored !== true) this.problems.push(`${JSON.stringify(answer)} was not stored`)
      if (response.status === 200) return answer.id
      if (response.status !== 503) this.problems.push(`${path} was answered ${response.status}: ${JSON.stringify(answer)}`)
      this.refused++
    } catch {
      this.unanswered++
      await sleep(10)
    }
    return undefined
  }

  #pick (): string {
    return this.#users[Math.floor(Math.random() * this.#users.length)] ?? ''
  }
}
