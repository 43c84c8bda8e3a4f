import { AppError } from '../../errors.js'
import { MAX_LISTED_USERS } from '../../protocol/fields.js'
import { type Census, type Cluster, type LocalConnections, namesAreOld } from '../cluster.js'
import type { Calls } from './calls.js'
import { encodeClose } from './messages.js'
import type { RedisLink } from './redis-link.js'

/** Users that are told about in one call, and in calls that are answered together. */
const AT_ONCE = 500
const TOGETHER = 5000

type Link = Pick<RedisLink, 'ready' | 'call' | 'forgotten'>

/** Who is connected where: Redis is told of the users of this node, and asked about the others. */
export class RedisCluster implements Cluster {
  readonly #node: string
  readonly #link: Link
  readonly #calls: Calls
  #connections: LocalConnections | undefined
  /** Users whose number of sockets has changed, and Redis was not told, with the claims of theirs that end with that. */
  #changed = new Map<string, string[]>()
  #lastClaim = 0
  #session = 0
  /** How many sockets Redis was told are here; undefined: it does not know. */
  #toldTotal: number | undefined
  #telling: Promise<void> | undefined
  #names = { count: 0, json: Buffer.from('[]'), at: -Infinity }

  constructor (node: string, link: Link, calls: Calls) {
    this.#node = node
    this.#link = link
    this.#calls = calls
  }

  get connections (): LocalConnections | undefined { return this.#connections }

  join (connections: LocalConnections): void {
    this.#connections = connections
  }

  changed (userId: string | null, ...claims: string[]): void {
    if (userId !== null) this.#note(userId, ...claims)
    this.#tellSoon()
  }

  /** Resolves when notifications for this user, who is here, reach this node. */
  async attach (userId: string): Promise<void> {
    this.#note(userId)
    await this.#tell()
  }

  /** What is told from here on is of another session: Redis passes over what comes late of those before. Returns its number. */
  beginSession (): number {
    return ++this.#session
  }

  /** Tells of everybody who is here, and of those of whom Redis may believe that they are. */
  async tellAll (counted: string[]): Promise<void> {
    const all = [...new Set([...counted, ...this.#connections?.getConnectedUsers() ?? []])]
    this.#toldTotal = undefined
    for (let i = 0; i === 0 || i < all.length; i += TOGETHER) {
      for (const userId of all.slice(i, i + TOGETHER)) this.#note(userId)
      await this.#tell()
    }
  }

  /** Tells what could not be told; to be called about twice a second. */
  retry (): void { this.#tellSoon() }

  async claim (userId: string | null, opens: boolean): Promise<string | null> {
    if (!this.#link.ready) throw unreachable()
    const limit = this.#connections?.maxConnectionsPerUser ?? Number.MAX_SAFE_INTEGER
    if (userId === null || limit === Number.MAX_SAFE_INTEGER) return null
    if (this.#changed.has(userId)) this.#tell().catch(() => {}) // So that Redis knows before, and need not be waited for.
    const claim = opens ? `${this.#node}-${++this.#lastClaim}` : null
    if (await this.#ask('claim', userId, limit, claim ?? '') === 0) throw new AppError('too_many_connections')
    return claim
  }

  async closeElsewhere (userId: string): Promise<number> {
    if (!this.#link.ready || this.#calls.full) throw unreachable()
    const call = this.#calls.begin()
    try {
      const heard = await this.#ask('disconnect', this.#node, encodeClose([this.#node, call.id, userId]), userId)
      return (await call.reach(Number(heard))).connections
    } finally {
      call.end()
    }
  }

  async takeConnect (address: string, opens: boolean, perSecond: number): Promise<boolean> {
    if (!this.#link.ready) throw unreachable()
    return await this.#ask('connect', address, perSecond, opens ? 1 : 0) === 1
  }

  async census (userId: string | null, now: number): Promise<Census> {
    await this.#telling // So that what was opened or closed here before is counted.
    const asked = namesAreOld(this.#names.count, this.#names.at, now)
    const [totalConnections, usersCount, userConnections, names] = await this.#ask('census', userId ?? '', asked ? MAX_LISTED_USERS : 0) as [number, number, number, Buffer[]]
    if (asked) this.#names = { count: names.length, json: Buffer.from(JSON.stringify(names.map(String))), at: now }
    return { totalConnections, usersCount, userConnections, names: this.#names.json }
  }

  #note (userId: string, ...claims: string[]): void {
    this.#changed.set(userId, [...this.#changed.get(userId) ?? [], ...claims])
  }

  /** At the end of this turn, so that what it brings is told together. */
  #tellSoon (): void {
    if (!this.#link.ready) return // Each that closes meanwhile would try all of them again.
    this.#telling ??= new Promise<void>((resolve) => {
      setImmediate(() => {
        this.#telling = undefined
        this.#tell().catch(() => {}).then(resolve, resolve)
      })
    })
  }

  async #tell (): Promise<void> {
    const total = this.#connections?.getTotalConnectionsCount() ?? 0
    if (this.#changed.size === 0 && total === this.#toldTotal) return
    const users = [...this.#changed]
    this.#changed.clear()
    this.#toldTotal = total
    const calls: Array<Promise<unknown>> = []
    for (let i = 0; i < Math.max(users.length, 1); i += AT_ONCE) {
      const counts = users.slice(i, i + AT_ONCE).flatMap(([userId, claims]) => [userId, this.#countOf(userId), claims.join(' ')])
      calls.push(this.#link.call('presence', this.#node, this.#session, total, ...counts))
    }
    let told = false
    try {
      told = !(await Promise.all(calls)).includes(0)
    } finally {
      if (!told) {
        for (const [userId, claims] of users) this.#note(userId, ...claims)
        this.#toldTotal = undefined
      }
    }
    if (told) return
    this.#link.forgotten()
    throw new Error('this node was taken for dead')
  }

  /** Who asks for notifications has a socket, or is about to. */
  #countOf (userId: string): number {
    return this.#connections === undefined ? 1 : this.#connections.getUserConnectionsCount(userId)
  }

  async #ask (name: string, ...args: Array<string | number>): Promise<unknown> {
    try {
      return await this.#link.call(name, ...args)
    } catch {
      throw unreachable()
    }
  }
}

const unreachable = (): AppError => new AppError('not_ready', 'the other nodes cannot be asked')
