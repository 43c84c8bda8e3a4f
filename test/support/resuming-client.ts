import { WebSocket } from 'ws'

/** A client as anybody would write it: it holds the newest id that it has got, and comes back with it whenever its socket ends. */
export class ResumingClient {
  readonly userId: string | null
  readonly received: string[] = []
  /** What must not be: a gap, a frame that is not understood. */
  readonly problems: string[] = []
  resumes = 0
  replayed = 0
  readonly #address: () => string
  #lastEventId: string | undefined
  #socket: WebSocket | undefined
  #stopped = false
  #onWelcome = () => {}

  /** `address`: of its socket, asked for with each connection. */
  constructor (userId: string | null, address: () => string) {
    this.userId = userId
    this.#address = address
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
    const url = new URL(this.#address())
    if (this.#lastEventId !== undefined) url.searchParams.set('last_event_id', this.#lastEventId)
    const socket = this.#socket = new WebSocket(url)
    socket.on('error', () => {})
    socket.on('message', (data) => { this.#take(JSON.parse(data.toString())) })
    socket.on('close', () => {
      if (!this.#stopped) setTimeout(() => { this.#connect() }, Math.random() * 100)
    })
  }

  #take (frame: { type: string, id: string, data: { resume: string, replayed: number, last_event_id: string } }): void {
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
    } else if (frame.type !== 'heartbeat') {
      this.problems.push(JSON.stringify(frame))
    }
  }
}
