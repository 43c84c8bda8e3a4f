import { Counter, Histogram, Registry } from 'prom-client'
import type { Draft, Notification, Published, Reach } from '../broker/broker.js'
import type { End } from '../connections/connection-owner.js'
import { AppError, closeCodes, type ErrorCode, errors } from '../errors.js'
import type { Resume } from '../protocol/server-frames.js'
import { watch, type Watched } from './state.js'

/** In seconds: from a journal in memory to a Redis that is given up. */
const buckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/** As many as are told to the library together. */
const TOLD_AT_ONCE = 256

/** What happens, as it is told, and how things stand, as they are found when somebody asks: for Prometheus. Knows no notification and no user. */
export class Metrics {
  /** Everything of one service. What is of the process is in `processRegistry`. */
  readonly registry = new Registry()

  /** What is to be told to the library when there is much of it, or when somebody asks: alone each costs several times as much, as by then nothing of the library is in the caches. */
  readonly #untold: Array<() => void> = []

  readonly #connects = this.#counter('herald_connects_total', 'Sockets that were opened.', ['kind'])
  readonly #closes = this.#counter('herald_closes_total', 'Connections that ended, by close code and by the reason that the service had; `peer`: the client ended it, or the network.', ['code', 'reason'])
  readonly #refusals = this.#counter('herald_refusals_total', 'Requests and upgrades that were refused, by the code of the error (see the README).', ['kind', 'code'])
  readonly #resumes = this.#counter('herald_resumes_total', 'How the return of a client went; `none`: it did not ask, `gap`: it missed something that is no longer there, or may have, which open sockets are told as well when Redis has lost everything.', ['resume'])
  readonly #notifications = this.#counter('herald_notifications_total', 'Notifications that were published here; `repeated`: the idempotency key was known, so it was not sent again. Else the code of the error.', ['kind', 'outcome'])
  readonly #deliveries = this.#counter('herald_deliveries_total', 'Sockets of this node that a notification was handed to.', ['kind'])
  readonly #published = this.#histogram('herald_publish_duration_seconds', 'From an accepted notification until it was kept, written to every socket on every node, and could be answered.', ['kind'])
  readonly #delivered = this.#histogram('herald_delivery_duration_seconds', 'From when a notification was handed to the connections of this node until it was written to all of them; for a broadcast, one pass through everybody.', ['kind'])
  readonly #committed = this.#histogram('herald_journal_commit_duration_seconds', 'How long the journal took to keep what came together: a flushed write of `file:`, a call of Redis.', [])
  readonly #answered = this.#histogram('herald_http_request_duration_seconds', 'REST requests and refused upgrades below /api/v1/ws, by the pattern of the route.', ['method', 'route', 'status'])

  constructor () {
    // What an alert looks for is there before it happens first, so that the first time is an increase.
    for (const reason of closeCodes) this.#closes.inc({ code: errors[reason].close, reason }, 0)
    for (const kind of ['user', 'anonymous']) this.#connects.inc({ kind }, 0)
    for (const resume of ['none', 'caught_up', 'gap']) this.#resumes.inc({ resume }, 0)
    for (const kind of ['notify', 'broadcast']) {
      this.#deliveries.inc({ kind }, 0)
      for (const outcome of ['sent', 'repeated', 'journal_unavailable', 'internal_error']) this.#notifications.inc({ kind, outcome }, 0)
    }
  }

  /** Reads these at every scrape from here on. */
  watch (watched: Watched): void {
    watch(this.registry, watched)
  }

  /** A socket of this user (null: anonymous) was opened. */
  connected (userId: string | null): void {
    this.#later(() => { this.#connects.inc({ kind: userId === null ? 'anonymous' : 'user' }) })
  }

  resumed (resume: Resume, count = 1): void {
    this.#later(() => { this.#resumes.inc({ resume }, count) })
  }

  ended ({ code, cause }: End): void {
    this.#later(() => { this.#closes.inc({ code: cause !== undefined || isStandard(code) ? code : 'other', reason: cause ?? 'peer' }) })
  }

  refused (kind: 'upgrade' | 'request', code: ErrorCode): void {
    this.#later(() => { this.#refusals.inc({ kind, code }) })
  }

  answered (method: string, route: string, status: number, ms: number): void {
    this.#later(() => { this.#answered.observe({ method, route, status }, ms / 1000) })
  }

  /** Follows the publishing of a notification to its end. */
  async published (draft: Draft, publishing: Promise<Published>): Promise<Published> {
    const kind = kindOf(draft)
    const since = performance.now()
    try {
      const published = await publishing
      const { repeated } = published
      const seconds = secondsSince(since)
      this.#later(() => {
        if (!repeated) this.#published.observe({ kind }, seconds)
        this.#notifications.inc({ kind, outcome: repeated ? 'repeated' : 'sent' })
      })
      return published
    } catch (error) {
      this.#later(() => { this.#notifications.inc({ kind, outcome: error instanceof AppError ? error.code : 'internal_error' }) })
      throw error
    }
  }

  /** Follows a notification until it is with the sockets of this node. */
  async delivered (notification: Notification, delivering: Promise<Reach>): Promise<Reach> {
    const kind = kindOf(notification)
    const since = performance.now()
    const reach = await delivering
    const { connections } = reach
    const seconds = secondsSince(since)
    this.#later(() => {
      this.#deliveries.inc({ kind }, connections)
      if (connections > 0) this.#delivered.observe({ kind }, seconds)
    })
    return reach
  }

  /** Follows a write of the journal to its end, good or bad. */
  committing (write: Promise<unknown>): void {
    const since = performance.now()
    const done = () => {
      const seconds = secondsSince(since)
      this.#later(() => { this.#committed.observe(seconds) })
    }
    write.then(done, done)
  }

  #later (tell: () => void): void {
    if (this.#untold.push(tell) >= TOLD_AT_ONCE) this.#tell()
  }

  #tell (): void {
    for (const tell of this.#untold.splice(0)) tell()
  }

  #counter<L extends string> (name: string, help: string, labelNames: L[]): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.registry], collect: () => { this.#tell() } })
  }

  #histogram<L extends string> (name: string, help: string, labelNames: L[]): Histogram<L> {
    return new Histogram({ name, help, labelNames, buckets, registers: [this.registry], collect: () => { this.#tell() } })
  }
}

const kindOf = ({ userId }: { userId: string | null }): string => userId === null ? 'broadcast' : 'notify'

const secondsSince = (since: number): number => (performance.now() - since) / 1000

/** The codes that RFC 6455 §7.4.1 and its registry know; a peer may send thousands of others. */
const isStandard = (code: number): boolean => code >= 1000 && code <= 1015
