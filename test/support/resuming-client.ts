import { WebSocket } from 'ws'
import type { Owner } from './process.js'

/** So many clients of these users in turn, every so many of them anonymous. `first`: how many there are before them. `ws`: the address of the anonymous socket. `kinds`: how they come back, in turn. */
export function resumingClients ({ first = 0, count, users, anonymousEvery, ws, kinds = ['never'] }: { first?: number, count: number, users: string[], anonymousEvery: number, ws: string, kinds?: CountsFrom[] }): ResumingClient[] {
  return Array.from({ length: count }, (_, n) => {
    const i = first + n
    const userId = i % anonymousEvery === anonymousEvery - 1 ? null : users[i % users.length] ?? null
    return new ResumingClient(userId, () => `${ws}${userId === null ? '' : `/${userId}`}`, kinds[i % kinds.length])
  })
}

/** Breaks the connection of one of them every so often, until what it returns is called. */
export function cutAtRandom (owner: Owner, clients: ResumingClient[], everyMs: number): () => void {
  const cutting = setInterval(() => { clients[Math.floor(Math.random() * clients.length)]?.cut() }, everyMs)
  const stop = () => { clearInterval(cutting) }
  owner.teardown(stop)
  return stop
}

const backOff = (): number => Math.random() * 100

/** From when a client counts the time after which it is to come back; or it does not, and comes back when its socket ends. */
export type CountsFrom = 'frame' | 'close' | 'never'

/** A client as anybody would write it: it holds the newest id that it has got, and comes back with it whenever its socket ends. */
export class ResumingClient {
  readonly userId: string | null
  readonly received: string[] = []
  /** What must not be: a gap, a frame that is not understood. */
  readonly problems: string[] = []
  resumes = 0
  replayed = 0
  /** How often it was told when to come back. */
  told = 0
  readonly #address: () => string
  readonly #countsFrom: CountsFrom
  #lastEventId: string | undefined
  #socket: WebSocket | undefined
  #stopped = false
  #onWelcome = () => {}
  /** How long to wait after the close, in ms. */
  #wait = backOff

  /** `address`: of its socket, asked for with each connection. */
  constructor (userId: string | null, address: () => string, countsFrom: CountsFrom = 'never') {
    this.userId = userId
    this.#address = address
    this.#countsFrom = countsFrom
  }

  /** Resolves with the first `connection_status`. */
  async start (): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onWelcome = resolve
      this.#connect()
    })
  }

  /** Breaks the connection, without a closing handshake. */
  cut (): void {
    this.#socket?.terminate()
  }

  stop (): void {
    this.#stopped = true
    this.cut()
  }

  #connect (): void {
    if (this.#stopped) return
    const url = new URL(this.#address())
    if (this.#lastEventId !== undefined) url.searchParams.set('last_event_id', this.#lastEventId)
    const socket = this.#socket = new WebSocket(url)
    socket.on('error', () => {})
    socket.on('message', (data) => { this.#take(JSON.parse(data.toString())) })
    socket.on('close', () => { this.#comeBack() })
  }

  #comeBack (): void {
    if (!this.#stopped) setTimeout(() => { this.#connect() }, this.#wait())
    this.#wait = backOff
  }

  #plan (afterMs: number): void {
    this.told++
    const socket = this.#socket
    const at = performance.now() + afterMs
    if (this.#countsFrom === 'never') return
    this.#wait = this.#countsFrom === 'close' ? () => afterMs : () => Math.max(0, at - performance.now())
    if (this.#countsFrom === 'frame') setTimeout(() => { socket?.close() }, afterMs)
  }

  #take (frame: { type: string, id: string, data: { resume: string, replayed: number, last_event_id: string, after_ms: number } }): void {
    if (frame.type === 'notification') {
      this.#lastEventId = frame.id
      this.received.push(frame.id)
    } else if (frame.type === 'connection_status') {
      const { resume, replayed, last_event_id: newest } = frame.data
      if (this.#lastEventId !== undefined) {
        this.resumes++
        this.replayed += replayed
        if (resume !== 'caught_up') this.problems.push(`came back with ${this.#lastEventId} and was told: ${resume}`)
      }
      this.#lastEventId ??= newest
      this.#onWelcome()
    } else if (frame.type === 'reconnect') {
      this.#plan(frame.data.after_ms)
    } else if (frame.type !== 'heartbeat') {
      this.problems.push(JSON.stringify(frame))
    }
  }
}
