import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { addressOf } from './app.js'
import { post } from './rest.js'

const EVERY_MS = 50
/** How long an answer may take, whatever the machine does beside: usually it is some milliseconds. */
const PATIENCE_MS = 5000

/** An ordinary client beside an attack: pings, is notified, and measures how long it waits for each. */
export class Witness {
  readonly waits: number[] = []
  readonly problems: string[] = []
  readonly #http: string
  readonly #socket: WebSocket
  readonly #awaited = new Map<string, { since: number, done: () => void }>()
  #running: Promise<void> | undefined
  #stopped = false

  constructor ({ http, ws }: { http: string, ws: string }, user = 'witness') {
    this.#http = http
    this.#socket = new WebSocket(addressOf({ ws }, user))
    this.#socket.on('message', (data) => { this.#take(JSON.parse(data.toString())) })
    this.#socket.on('error', (error) => { this.problems.push(error.message) })
    this.#socket.on('close', (code) => { if (!this.#stopped) this.#giveUp(`closed with ${code}`) })
    this.#socket.once('open', () => { this.#running = this.#run(user).catch((error: unknown) => { this.problems.push(String(error)) }) })
  }

  get slowest (): number { return Math.max(...this.waits) }

  /** Waits for what is still to come; returns what went wrong. */
  async stop (): Promise<string[]> {
    this.#stopped = true
    await this.#running
    this.#socket.close()
    return this.problems
  }

  async #run (user: string): Promise<void> {
    for (let number = 1; !this.#stopped && this.problems.length === 0; number++) {
      const arrived = [this.#await(`ping ${number}`), this.#await(`notification ${number}`)]
      const impatience = setTimeout(() => { this.#giveUp(`not all came within ${PATIENCE_MS} ms: ${number}`) }, PATIENCE_MS)
      this.#socket.send(JSON.stringify({ type: 'ping', id: `ping ${number}` }))
      const { status } = await post({ http: this.#http }, `/notify/${user}`, { notification_type: 'witness', message: { id: `notification ${number}` } })
      if (status !== 200) this.problems.push(`POST was answered ${status}`)
      await Promise.all(arrived)
      clearTimeout(impatience)
      await sleep(EVERY_MS)
    }
  }

  #giveUp (problem: string): void {
    this.problems.push(problem)
    for (const { done } of this.#awaited.values()) done()
  }

  async #await (id: string): Promise<void> {
    await new Promise<void>((resolve) => { this.#awaited.set(id, { since: performance.now(), done: resolve }) })
  }

  #take ({ type, id, data }: { type: string, id?: string, data?: { id?: string } }): void {
    if (type !== 'pong' && type !== 'notification') return
    const name = (type === 'pong' ? id : data?.id) ?? ''
    const { since, done } = this.#awaited.get(name) ?? {}
    if (since === undefined) return
    this.#awaited.delete(name)
    this.waits.push(performance.now() - since)
    done?.()
  }
}
