import { setTimeout as sleep } from 'node:timers/promises'
import type { Page, Replay } from '../broker.js'
import type { ReadPage } from '../cluster.js'
import type { JournalOptions } from '../journal.js'
import { decodePage } from './messages.js'
import type { RedisCluster } from './redis-cluster.js'
import type { RedisLink } from './redis-link.js'
import type { Entered } from './registration.js'

const MAX_BACK_OFF_MS = 500

/** What is answered where what is asked for cannot be read, as somebody else has written a key of it; not what a function answers that cannot do it yet. */
const REFUSAL = /^(?:WRONGTYPE|ERR (?!not all nodes have said|the node is not known|the journal is another))/
const MAX_REFUSALS = 10

export interface RedisReaderOptions extends JournalOptions {
  node: string
  link: RedisLink
  cluster: RedisCluster
  /** Of the journal that this node knows. */
  epoch: () => string
  /** In the time of Redis. */
  now: () => number
}

/** What the journal has for who comes back. */
export class RedisReader {
  readonly #options: RedisReaderOptions

  constructor (options: RedisReaderOptions) {
    this.#options = options
  }

  async replay (userId: string | null, lastEventId: string | undefined): Promise<Replay> {
    const { now, told, ...replay } = await this.#survey(userId, lastEventId)
    return { ...replay, read: this.readerOf(userId, told, now) }
  }

  /** `now`: when it was; that some may be missing up to the `seq` `told` is said with it. */
  async #survey (userId: string | null, lastEventId: string | undefined): Promise<Omit<Replay, 'read'> & { now: number, told: number }> {
    const [, epoch = '?', after = '0'] = /^(.*)-(0|[1-9]\d{0,14})$/.exec(lastEventId ?? '') ?? []
    const { node, link, cluster, retentionMs, retentionPerUser, retentionBroadcast } = this.#options
    let now = 0 // Of the survey that is answered.
    const survey = async () => {
      now = this.#options.now()
      const attached = userId === null ? undefined : cluster.attach(userId) // Before the survey: they are answered in this order.
      const asked = lastEventId === undefined ? '' : epoch || '?'
      const [answer] = await Promise.all([link.call('survey', node, userId ?? '', now, retentionMs, retentionPerUser, retentionBroadcast, asked, after), attached])
      return answer
    }
    const [current, seq, gap, count, from, connectionsElsewhere] = await this.#insist(survey) as [Buffer, Buffer, number, number, Buffer, number]
    return {
      gap: gap === 1,
      count,
      epoch: String(current),
      seq: Number(seq),
      after: Number(from),
      connectionsElsewhere,
      now,
      told: gap === 1 ? Number(seq) : 0
    }
  }

  /** For who was here when another journal was lost: whether he had all of it is not known, and all in this one, up to `seq` by now, is new to him. */
  replayAnew (userId: string | null, { seq, elsewhere }: Entered): Replay {
    return { gap: true, count: 0, epoch: this.#options.epoch(), seq: 0, after: 0, connectionsElsewhere: elsewhere, read: this.readerOf(userId, seq) }
  }

  /** What ends after `now` is read, if it is still there; that some may be missing up to the `seq` `told` is known to the reader. */
  readerOf (userId: string | null, told = 0, now = this.#options.now()): ReadPage {
    return async (after, maxBytes) => {
      let page = await this.#read(userId, told, now, after, maxBytes)
      let gap: Replay | undefined
      while (page.gap) { // Again, where more has gone since the survey.
        const anew = await this.#survey(userId, `${this.#options.epoch()}-${after}`)
        gap = { ...anew, read: this.readerOf(userId, anew.told, anew.now) }
        page = await this.#read(userId, anew.told, anew.now, anew.after, maxBytes)
      }
      return { ...page, gap }
    }
  }

  async #read (userId: string | null, told: number, now: number, after: number, maxBytes: number): Promise<Page<boolean>> {
    const read = async () => await this.#options.link.call('read', this.#options.epoch(), userId ?? '', now, after, Math.floor(maxBytes), told)
    return decodePage(await this.#insist(read))
  }

  /**
   * Reads until there is an answer: a socket that waits for it stays open, however long Redis, or another node that is asked for, is away.
   * @throws when Redis goes on refusing, or the link is closed
   */
  async #insist (read: () => Promise<unknown>): Promise<unknown> {
    const { link } = this.#options
    for (let refusals = 0; ;) {
      await link.whenReady()
      try {
        return await read()
      } catch (error) {
        const { message } = error as Error
        if (REFUSAL.test(message)) refusals++
        if (link.closed || refusals === MAX_REFUSALS) throw error
        await sleep(Math.random() * MAX_BACK_OFF_MS)
      }
    }
  }
}
