import type { Ack } from './calls.js'
import { encodeAcks } from './messages.js'
import type { RedisLink } from './redis-link.js'

/** What is answered to other nodes: together, as soon as all that was written together has its answer. */
export class Acks {
  readonly #link: Pick<RedisLink, 'publish'>
  readonly #waiting = new Map<string, Ack[]>()

  constructor (link: Pick<RedisLink, 'publish'>) {
    this.#link = link
  }

  add (node: string, ack: Ack): void {
    if (this.#waiting.size === 0) process.nextTick(() => { this.#send() })
    const acks = this.#waiting.get(node)
    if (acks === undefined) this.#waiting.set(node, [ack])
    else acks.push(ack)
  }

  #send (): void {
    for (const [node, acks] of this.#waiting) this.#link.publish(node, encodeAcks(acks)).catch(() => {}) // It stops waiting by itself.
    this.#waiting.clear()
  }
}
