import { once, setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { addressOf } from './app.js'
import { type AttackName, attacks, expectedAnswers, openSlowReader, slow } from './attacks.js'
import { connect } from './client.js'
import { type Tally, tally } from './nothing-lost.js'
import { Poster } from './poster.js'
import { type Server, withOwner } from './process.js'
import { type ResumingClient, resumingClients } from './resuming-client.js'

const USERS = Array.from({ length: 10 }, (_, i) => `user${i}`)
const CLIENTS = 40
const CUT_EVERY_MS = 100
const BURST_MS = 300
const BURST_EVERY_MS = 1000
const CHURN_AT_ONCE = 5
const ATTACK_EVERY_MS = 300
/** Of those that are ended only after half a minute or more. */
const SLOW_AT_ONCE = 10

/** Clients that are cut and resume, posts in bursts, clients that come and go, and bad ones: all at once, and bounded. */
export class MixedLoad {
  readonly counts = { visits: 0, attacks: 0, slowOnes: 0 }
  readonly #server: Server
  readonly #clients: ResumingClient[]
  readonly #posters: Poster[] = []
  readonly #problems: string[] = []
  readonly #stopped = new AbortController()
  readonly #stop: Promise<unknown>

  constructor (server: Server) {
    this.#server = server
    setMaxListeners(0, this.#stopped.signal)
    this.#stop = once(this.#stopped.signal, 'abort')
    this.#clients = resumingClients({ count: CLIENTS, users: USERS, anonymousEvery: 5, ws: server.ws })
  }

  /** Runs until it is stopped. */
  async run (): Promise<void> {
    await Promise.all(this.#clients.map(async (client) => { await client.start() }))
    await Promise.all([
      this.#repeat(CUT_EVERY_MS, async () => { this.#clients[Math.floor(Math.random() * CLIENTS)]?.cut() }),
      this.#repeat(BURST_EVERY_MS, async () => { await this.#post() }),
      ...Array.from({ length: CHURN_AT_ONCE }, async (_, i) => { await this.#repeat(50, async () => { await this.#visit(`visitor${i}`) }) }),
      this.#repeat(ATTACK_EVERY_MS, async () => { await this.#attack() }),
      ...Array.from({ length: SLOW_AT_ONCE }, async (_, i) => { await this.#repeat(1000, async () => { await this.#beSlow(i) }) })
    ])
  }

  stop (): void {
    this.#stopped.abort()
  }

  /** What came of it, when all that was sent has had its time to arrive. */
  async result (): Promise<Tally & MixedLoad['counts']> {
    const { problems, ...arrived } = await tally(this.#clients, this.#posters, 20_000)
    return { ...arrived, ...this.counts, problems: [...this.#problems, ...problems] }
  }

  end (): void {
    this.stop()
    for (const client of this.#clients) client.stop()
  }

  async #repeat (everyMs: number, work: () => Promise<void>): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      await work().catch((error: unknown) => { this.#problems.push(String(error)) })
      await sleep(everyMs, undefined, { signal: this.#stopped.signal }).catch(() => {})
    }
  }

  async #post (): Promise<void> {
    const poster = new Poster({ name: `burst${this.#posters.length}`, users: USERS, address: () => this.#server.http, insists: this.#posters.length % 2 === 0 })
    this.#posters.push(poster)
    const running = poster.run()
    await sleep(BURST_MS)
    poster.stop()
    await running
  }

  /** Comes, asks, and goes in one of the ways there are. */
  async #visit (user: string): Promise<void> {
    const way = this.counts.visits++ % 3
    await withOwner(async (owner) => {
      const client = await connect(owner, addressOf(this.#server, user))
      client.send({ type: 'ping' })
      client.send({ type: 'get_stats' })
      await client.nextOf('stats')
      if (way === 0) client.send({ type: 'disconnect' })
      else if (way === 1) client.socket.close()
      else client.socket.terminate()
      await client.closed
    })
  }

  async #attack (): Promise<void> {
    const names = Object.keys(attacks) as AttackName[]
    const name = names[this.counts.attacks++ % names.length] ?? 'pingFlood'
    await withOwner(async (owner) => {
      const answer = await attacks[name](owner, this.#server)
      if (answer !== expectedAnswers[name] && answer !== 'cut') this.#problems.push(`${name} was answered ${answer}`)
    })
  }

  /** Until the server ends it, or the load. */
  async #beSlow (number: number): Promise<void> {
    this.counts.slowOnes++
    const ways = Object.values(slow)
    await withOwner(async (owner) => {
      const way = ways[number % (ways.length + 1)]
      if (way !== undefined) await Promise.race([way(owner, this.#server), this.#stop])
      else await Promise.race([openSlowReader(owner, this.#server, USERS[0] ?? '').then(async (socket) => { await new Promise((resolve) => { socket.once('close', resolve) }) }), this.#stop])
    })
  }
}
