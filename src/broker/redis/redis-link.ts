import { Redis, type RedisOptions } from 'ioredis'
import { functionName, library, PREFIX } from './library.js'
import { readRedisUrl } from './redis-url.js'

const MAX_BACK_OFF_MS = 1000
const CONNECT_TIMEOUT_MS = 2000

/** Beats that may pass before the one before them is answered and heard. */
const MAX_LATE_BEATS = 2

/** Ticks that a new connection may take until it can be used. */
const MAX_HANDSHAKE_TICKS = 8

const PROBE = 'probe '

/** What the types of the client lack. */
interface Functions {
  fcallBuffer: (name: string, keys: number, ...args: Array<string | number | Buffer>) => Promise<unknown>
}

/** What this node sends to itself: it has to be answered, and to be heard. */
interface Beat {
  text: string
  answered: boolean
  heard: boolean
  late: number
}

export interface RedisLinkOptions {
  url: string
  /** Names this node: another one for every process. */
  node: string
  /** Something was published for this node. */
  onMessage: (message: Buffer) => void
  /** Nothing may have been heard for a while, and from here on it is again. Called before that. */
  onResume: () => void
  /** Registers this node anew. */
  register: () => Promise<void>
  /** Whether this node is still registered; `message` is to be published for it. */
  beat: (message: string) => Promise<boolean>
  /** `error` says why Redis cannot be used; undefined: it can again. */
  onTrouble: (error: unknown) => void
}

/** The way to Redis, and back: what is published comes in on a connection of its own. */
export class RedisLink {
  readonly #options: RedisLinkOptions
  readonly #commands: Redis
  readonly #receiver: Redis
  #ready = false
  #closed = false
  #restoring: Promise<void> | undefined
  #onReady: Array<() => void> = []
  #ticksDown = 0
  #beats = 0
  #beat: Beat | undefined

  constructor (options: RedisLinkOptions) {
    this.#options = options
    this.#commands = this.#connect({ enableAutoPipelining: true })
    this.#receiver = this.#connect({ autoResubscribe: false })
    this.#receiver.on('messageBuffer', (_channel, message) => {
      const beat = this.#beat
      if (beat !== undefined && message.equals(Buffer.from(beat.text))) beat.heard = true
      else if (!message.subarray(0, PROBE.length).equals(Buffer.from(PROBE))) options.onMessage(message)
    })
  }

  get ready (): boolean { return this.#ready }
  get closed (): boolean { return this.#closed }

  /** Resolves when what is published comes back here. */
  async whenReady (): Promise<void> {
    while (!this.#ready && !this.#closed) await new Promise<void>((resolve) => { this.#onReady.push(resolve) })
  }

  /** Resolves when a beat that is under way has come back. */
  async settled (): Promise<void> {
    await this.#restoring
    while (this.#ready && this.#beat !== undefined && !(this.#beat.answered && this.#beat.heard)) await new Promise((resolve) => { setTimeout(resolve, 1) })
  }

  /** Calls one of our functions; texts come as buffers. @throws when Redis did not answer, or refused */
  async call (name: string, ...args: Array<string | number | Buffer>): Promise<unknown> {
    return await (this.#commands as unknown as Functions).fcallBuffer(functionName(name), 1, `${PREFIX}journal`, ...args)
  }

  async publish (node: string, message: string): Promise<void> {
    await this.#commands.publish(channelOf(node), message)
  }

  /** To be called about twice a second: looks whether what is published comes back, and mends what does not. */
  tick (): void {
    if (!this.#ready) {
      this.#connectAgain()
      return
    }
    const beat = this.#beat
    if (beat === undefined || (beat.answered && beat.heard)) this.#sendBeat()
    else if (++beat.late >= MAX_LATE_BEATS) this.#break(new Error('what is published does not come back'))
  }

  /** The others have taken this node for dead; the connections are sound. */
  forgotten (): void {
    if (!this.#ready) return
    this.#ready = false
    this.#options.onTrouble(new Error('the node was taken for dead'))
    this.tick()
  }

  async close (): Promise<void> {
    this.#closed = true
    await this.#restoring
    this.#ready = false
    this.#commands.disconnect()
    this.#receiver.disconnect()
    this.#wake()
  }

  #connect (more: RedisOptions): Redis {
    const redis = new Redis({
      ...readRedisUrl(this.#options.url) as object, // The type of these options is none that the constructor takes.
      ...more as object,
      connectTimeout: CONNECT_TIMEOUT_MS,
      disconnectTimeout: 1, // What is broken off has not been answered for a while: nothing is to be waited for.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false, // Nothing is published twice.
      maxRetriesPerRequest: 0,
      retryStrategy: backOff,
      sentinelRetryStrategy: backOff,
      reconnectOnError: (error: Error) => error.message.startsWith('READONLY') // It is not the master any more.
    })
    redis.on('error', (error) => { this.#options.onTrouble(error) })
    redis.on('ready', () => { this.tick() })
    redis.on('close', () => { this.#break(new Error('the connection is closed')) })
    return redis
  }

  #connectAgain (): void {
    const connections = [this.#commands, this.#receiver]
    if (connections.every(({ status }) => status === 'ready')) {
      this.#restoring ??= this.#restore()
    } else if (++this.#ticksDown % MAX_HANDSHAKE_TICKS === 0) {
      for (const connection of connections) {
        if (connection.status === 'connect') connection.disconnect(true)
      }
    }
  }

  async #restore (): Promise<void> {
    try {
      this.#options.onResume()
      await this.#commands.function('LOAD', 'REPLACE', library)
      await this.#receiver.subscribe(channelOf(this.#options.node))
      await this.#options.register()
      this.#beat = undefined
      this.#ticksDown = 0
      this.#ready = true
      this.#wake()
      this.#options.onTrouble(undefined)
    } catch (error) {
      this.#options.onTrouble(error)
    } finally {
      this.#restoring = undefined
    }
  }

  #sendBeat (): void {
    const beat: Beat = { text: `${PROBE}${++this.#beats}`, answered: false, heard: false, late: 0 }
    this.#beat = beat
    this.#options.beat(beat.text).then((known) => {
      beat.answered = true
      if (!known) this.forgotten()
    }).catch((error: unknown) => { this.#break(error) })
  }

  #break (error: unknown): void {
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

const channelOf = (node: string): string => `${PREFIX}to:${node}`

const backOff = (attempt: number): number => Math.random() * Math.min(50 * 2 ** attempt, MAX_BACK_OFF_MS)
