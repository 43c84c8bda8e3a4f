import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { end, keep } from '../../scripts/children.js'
import type { Arrivals } from './nothing-lost.js'
import type { Posted } from './poster.js'
import { type Owner, root } from './process.js'
import type { resumingClients } from './resuming-client.js'

/** What the process is told, with its arguments; it answers each. */
export interface CrowdCommands {
  connect: { args: [], answer: null }
  arrivals: { args: [answered: Posted[], waitMs: number], answer: Arrivals }
}

/** Resuming clients in a process of their own: what keeps these busy holds up nobody else. */
export class Crowd {
  readonly #child: ChildProcess
  /** Rejects when the process ends, which it does not by itself. */
  readonly #ended: Promise<never>

  constructor (owner: Owner, clients: Parameters<typeof resumingClients>[0]) {
    this.#child = keep(fork(join(import.meta.dirname, 'crowd-process.ts'), [JSON.stringify(clients)], {
      cwd: root,
      execArgv: ['--import=tsx'],
      env: { PATH: process.env['PATH'] }
    }))
    this.#ended = new Promise((_resolve, reject) => {
      this.#child.once('exit', (code, signal) => { reject(new Error(`the process of the clients has ended: ${signal ?? String(code)}`)) })
    })
    this.#ended.catch(() => {}) // Whoever calls it is told.
    owner.teardown(async () => { await end(this.#child) })
  }

  /** Resolves when all have had their first `connection_status`. */
  async connect (): Promise<void> {
    await this.#call('connect')
  }

  /** What they have got, see `arrivals` in `nothing-lost.ts`. */
  async arrivals (answered: Posted[], waitMs: number): Promise<Arrivals> {
    return await this.#call('arrivals', answered, waitMs)
  }

  async #call<Name extends keyof CrowdCommands> (name: Name, ...args: CrowdCommands[Name]['args']): Promise<CrowdCommands[Name]['answer']> {
    const answered = new Promise<CrowdCommands[Name]['answer']>((resolve) => { this.#child.once('message', resolve) })
    this.#child.send({ name, args }, () => {}) // One that has ended is told below.
    return await Promise.race([answered, this.#ended])
  }
}
