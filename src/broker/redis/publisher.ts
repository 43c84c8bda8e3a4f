import type { Draft } from '../broker.js'
import type { JournalOptions } from '../journal.js'
import { decodeOutcomes, encodeEntry, encodeSpecial, type Outcome } from './messages.js'
import type { RedisLink } from './redis-link.js'
import type { Standing } from './standing.js'

/** Notifications, and characters of their texts, that are published in one call; more take further ones. */
const MAX_TOGETHER = 100
const MAX_CHARACTERS = 1_048_576

/** Of no publish that Redis comes to later than this after the last beat it answered does anybody await the outcome: less than it takes until the link is broken off. */
const IN_TIME_MS = 1400

interface Waiting {
  draft: Draft
  call: string
  resolve: (outcome: Outcome | undefined) => void
  reject: (error: unknown) => void
}

export interface PublisherOptions extends JournalOptions {
  node: string
  link: RedisLink
  /** Where this node stands: nothing is published to another journal, nor to one that lacks what was heard. */
  standing: Pick<Standing, 'epoch' | 'heard'>
  /** In the time of Redis. */
  now: () => number
  onCommit?: ((write: Promise<unknown>) => void) | undefined
}

/** Publishes what a turn of the event loop has brought together, at its end: most of what a call costs Redis it costs once. */
export class Publisher {
  readonly #options: PublisherOptions
  #waiting: Waiting[] = []

  constructor (options: PublisherOptions) {
    this.#options = options
  }

  /** Undefined: it was too late, or the journal is another. */
  async publish (draft: Draft, call: string): Promise<Outcome | undefined> {
    return await new Promise((resolve, reject) => {
      if (this.#waiting.push({ draft, call, resolve, reject }) === 1) setImmediate(() => { this.#flush() })
    })
  }

  #flush (): void {
    const waiting = this.#waiting.splice(0)
    while (waiting.length > 0) this.#send(takeSome(waiting))
  }

  #send (batch: Waiting[]): void {
    const { node, link, standing, now, retentionMs, retentionPerUser, retentionBroadcast, idempotencyMs, onCommit } = this.#options
    const at = now()
    const write = link.callNow('publish', link.beatAt + IN_TIME_MS, standing.epoch, standing.heard, at, retentionMs, retentionPerUser, retentionBroadcast, idempotencyMs,
      ...batch.flatMap(({ draft, call }) => {
        const ends = draft.ttlMs === undefined ? undefined : at + draft.ttlMs
        return [draft.userId ?? '', encodeEntry(draft, { at, ends, node, call }), encodeSpecial(draft, ends)]
      }))
    onCommit?.(write)
    write.then(decodeOutcomes).then((outcomes) => {
      for (const [i, { resolve }] of batch.entries()) resolve(outcomes[i])
    }, (error: unknown) => {
      for (const { reject } of batch) reject(error)
    })
  }
}

function takeSome (waiting: Waiting[]): Waiting[] {
  let characters = 0
  const end = waiting.findIndex(({ draft }, i) => i === MAX_TOGETHER || ((characters += draft.tail.length) > MAX_CHARACTERS && i > 0))
  return waiting.splice(0, end === -1 ? waiting.length : end)
}
