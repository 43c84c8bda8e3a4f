import { Command, type Redis, type RedisOptions } from 'ioredis'
import type { LinkState } from '../broker.js'
import { Beat } from './beat.js'
import { channelOf, functionName, library, PREFIX } from './library.js'
import { createClient, lookForEviction } from './redis-client.js'

/** Ticks that it may take to connect, and to begin anew. */
const MAX_TICKS_DOWN = 8

/** What the types of the client lack. */
type Functions = Redis & { fcallBuffer: (name: string, keys: number, ...args: Array<string | number | Buffer>) => Promise<unknown> }

export interface RedisLinkOptions {
  url: string
  /** Names this node: another one for every process. */
  node: string
  /** Something was published for this node. */
  onMessage: (message: Buffer) => void
  /** All that was published for this node up to this id has come in. */
  onHeard: (id: string) => void
  /** Nothing may have been heard for a while, and from here on it is again. Called before that. */
  onResume: () => void
  /** Registers this node anew; resolves with the time of Redis, in ms. */
  register: () => Promise<number>
  /** The time of Redis, in ms, or 0: this node, or what it has heard, is not known there any more. `message` is to be published for it. */
  beat: (message: string) => Promise<number>
  /** `error` says why Redis cannot be used; undefined: it can again. */
  onTrouble: (error: unknown) => void
  onWarning: (text: string) => void
}

/** The way to Redis, and back: what is published comes in on a connection of its own. */
export class RedisLink implements LinkState {
  readonly #options: RedisLinkOptions
  readonly #commands: Redis
  readonly #receiver: Redis
  #ready = false
  #leaving = false
  #closed = false
  #restoring: Promise<void> | undefined
  #onReady: Array<() => void> = []
  #ticksDown = 0
  /** What is published is subscribed to, and no connection has ended since. */
  #sound = false
  #beatAt = 0
  #beatSeenAt = 0 // By a clock that nobody sets.
  readonly #beat = new Beat(performance.now())
  #restored = 0

  constructor (options: RedisLinkOptions) {
    this.#options = options
    this.#commands = this.#connect({ enableAutoPipelining: true })
    this.#receiver = this.#connect({ autoResubscribe: false })
    this.#receiver.on('messageBuffer', (_channel, message) => {
      const id = this.#beat.hear(message, performance.now())
      if (id === undefined) options.onMessage(message)
      else options.onHeard(id)
    })
  }

  get ready (): boolean { return this.#ready }
  get closed (): boolean { return this.#closed }
  get sound (): boolean { return this.#sound }
  /** How far the clock of Redis is ahead of ours, which may have been set since the last beat. */
  get clockAheadMs (): number { return this.#beatAt === 0 ? 0 : Math.round(this.#beatAt + performance.now() - this.#beatSeenAt) - Date.now() }
  get probeAgeMs (): number { return performance.now() - this.#beat.heardAt }
  get probeMs (): number { return this.#beat.tookMs }
  get reconnects (): number { return Math.max(0, this.#restored - 1) }
  /** The time of Redis at the last beat that it answered; 0: there was none. */
  get beatAt (): number { return this.#beatAt }

  /** Resolves when what is published comes back here. */
  async whenReady (): Promise<void> {
    while (!this.#ready && !this.#closed) await new Promise<void>((resolve) => { this.#onReady.push(resolve) })
  }

  /** Resolves when a beat that is under way has come back. */
  async settled (): Promise<void> {
    await this.#restoring
    while (this.#ready && this.#beat.pending) await new Promise((resolve) => { setTimeout(resolve, 1) })
  }

  /** Calls one of our functions; texts come as buffers. @throws when Redis did not answer, or refused */
  async call (name: string, ...args: Array<string | number | Buffer>): Promise<unknown> {
    try {
      const answer = await (this.#commands as Functions).fcallBuffer(functionName(name), 1, `${PREFIX}journal`, ...args)
      if (this.#sound) this.#ticksDown = 0 // However long it takes to begin anew.
      return answer
    } catch (error) {
      throw bare(error)
    }
  }

  /**
   * The same, at once and in a write of its own: what is collected for the end of the turn waits until all before it is answered.
   * Of the connections that it has something for, Redis writes first to the one that this is newest for. With a ping to be answered before the call, its caller is the oldest.
   */
  async callNow (name: string, ...args: Array<string | number>): Promise<unknown> {
    const { stream } = this.#commands
    stream.cork()
    this.#sendNow('ping').catch(() => {}) // The call fails as well.
    const answer = this.#sendNow('fcall', functionName(name), 1, `${PREFIX}journal`, ...args)
    stream.uncork()
    return await answer
  }

  /** At once as well; resolves with how many have heard it: 1, or 0 where the node is gone. */
  async publish (node: string, message: string): Promise<unknown> {
    return await this.#sendNow('publish', channelOf(node), message)
  }

  /** To be called about twice a second: looks whether what is published comes back, and mends what does not. */
  tick (): void {
    if (!this.#ready) {
      if (++this.#ticksDown % MAX_TICKS_DOWN === 0) this.#connectAgain()
      else this.#beginAnew()
    } else if (!this.#beat.pending) this.#sendBeat()
    else if (this.#beat.isLate()) this.#break(new Error('what is published does not come back'))
  }

  /** The others have taken this node for dead, or the journal is another, or lacks what this node has heard; the connections are sound. */
  forgotten (): void {
    if (!this.#ready || this.#leaving) return
    this.#ready = false
    this.#options.onTrouble(new Error('the node is not known, or the journal is not the one that it knows'))
    this.#beginAnew()
  }

  /** Has Redis forget this node, in parts. */
  async leave (): Promise<void> {
    this.#leaving = true
    while (await this.call('leave', this.#options.node) !== 0);
  }

  async close (): Promise<void> {
    this.#closed = true
    this.#ready = false
    this.#commands.disconnect()
    this.#receiver.disconnect()
    this.#wake()
    await this.#restoring
  }

  #connect (more: RedisOptions): Redis {
    const redis = createClient(this.#options.url, more)
    redis.on('error', (error) => { this.#options.onTrouble(bare(error)) })
    redis.on('ready', () => { this.#beginAnew() })
    redis.on('close', () => { this.#break(new Error('the connection is closed')) })
    return redis
  }

  async #sendNow (name: string, ...args: Array<string | number>): Promise<unknown> {
    return await (this.#commands.sendCommand(new Command(name, args)) as Promise<unknown>).catch((error: unknown) => { throw bare(error) })
  }

  #connectAgain (): void {
    for (const connection of [this.#commands, this.#receiver]) {
      if (['connect', 'ready'].includes(connection.status)) connection.disconnect(true)
    }
  }

  #beginAnew (): void {
    if (!this.#ready && !this.#closed && this.#commands.status === 'ready' && this.#receiver.status === 'ready') this.#restoring ??= this.#restore()
  }

  async #restore (): Promise<void> {
    this.#sound = false
    try {
      this.#options.onResume()
      await this.#commands.select(this.#commands.options.db ?? 0) // The client passes over a refusal of its own.
      // Where there is no memory they may be loaded already: if not, it shows.
      const loaded = this.#commands.function('LOAD', 'REPLACE', library).then(() => undefined, bare)
      await this.#receiver.subscribe(channelOf(this.#options.node))
      this.#sound = true
      this.#noteTime(await this.#options.register().catch(async (error: unknown) => { throw await loaded ?? error }))
      if (!this.#sound) throw new Error('the connection is closed') // The receiver may be there again, and is subscribed to nothing.
      this.#beat.reset()
      this.#ready = true
      this.#restored++
      this.#wake()
      this.#options.onTrouble(undefined)
      lookForEviction(this.#commands, this.#options.onWarning)
    } catch (error) {
      this.#options.onTrouble(bare(error))
    } finally {
      this.#restoring = undefined
    }
  }

  #sendBeat (): void {
    const { text, answer } = this.#beat.begin(performance.now())
    this.#options.beat(text).then((time) => {
      answer()
      if (time === 0) this.forgotten()
      else this.#noteTime(time)
    }).catch((error: unknown) => { this.#break(error) })
  }

  #noteTime (time: number): void {
    this.#beatAt = time
    this.#beatSeenAt = performance.now()
  }

  #break (error: unknown): void {
    this.#sound = false
    if (!this.#ready || this.#closed) return
    this.#ready = false
    this.#options.onTrouble(error)
    this.#commands.disconnect(true)
    this.#receiver.disconnect(true)
  }

  #wake (): void {
    for (const resolve of this.#onReady.splice(0)) resolve()
  }
}

/** Without the command that failed, which the client adds: it has passwords and notifications in it. */
const bare = (error: unknown): Error => new Error(error instanceof Error ? error.message : String(error))
