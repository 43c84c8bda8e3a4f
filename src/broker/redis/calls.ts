import { AppError } from '../../errors.js'
import { MAX_PUBLISHES, type Reach } from '../broker.js'

/** Ticks after which the nodes that have not answered are not waited for any more. */
const MAX_TICKS = 2

/** What a node answers: the call, and how many sockets and users it was handed to there. */
export type Ack = [call: string, connections: number, users: number]

interface Pending {
  /** How many nodes answer; unknown until Redis has said it. */
  expected: number
  answered: number
  reach: Reach
  ticks: number
  done: () => void
}

/** The publishes of this node that are under way, and what the nodes answer to them. */
export class Calls {
  readonly #pending = new Map<string, Pending>()
  #last = 0
  #onSettled: Array<() => void> = []

  get full (): boolean { return this.#pending.size >= MAX_PUBLISHES }

  /** @throws AppError `journal_unavailable` when too many are under way */
  begin () {
    if (this.full) throw new AppError('journal_unavailable')

    const id = String(++this.#last)
    let done = () => {}
    const answered = new Promise<void>((resolve) => { done = resolve })
    const pending: Pending = { expected: Infinity, answered: 0, reach: { connections: 0, users: 0 }, ticks: 0, done }
    this.#pending.set(id, pending)
    return {
      id,
      /** Resolves when so many nodes have answered, or are not waited for any more. */
      reach: async (expected: number): Promise<Reach> => {
        pending.expected = expected
        if (pending.answered < expected) await answered
        return pending.reach
      },
      end: () => {
        this.#pending.delete(id)
        if (this.#pending.size === 0) for (const resolve of this.#onSettled.splice(0)) resolve()
      }
    }
  }

  acknowledge ([id, connections, users]: Ack): void {
    const pending = this.#pending.get(id)
    if (pending === undefined) return
    pending.answered++
    pending.reach.connections += connections
    pending.reach.users += users
    if (pending.answered >= pending.expected) pending.done()
  }

  /** To be called about twice a second. */
  giveUpLate (): void {
    for (const pending of this.#pending.values()) {
      if (pending.expected !== Infinity && ++pending.ticks >= MAX_TICKS) pending.done()
    }
  }

  /** Resolves when none is under way. */
  async settled (): Promise<void> {
    if (this.#pending.size > 0) await new Promise<void>((resolve) => { this.#onSettled.push(resolve) })
  }
}
