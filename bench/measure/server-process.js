import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { end, keep } from '../../scripts/children.js'
import { freePort } from '../../scripts/ports.js'
import { pinned } from './cores.js'
import { accepts } from './ports.js'
import { readCpu, readRss } from './process-usage.js'

const START_MS = 20_000

/** A subject that runs: a process of its own on a free port. */
export class ServerProcess {
  port
  #child
  #errors = ''
  /** Of its journal, if it has one. */
  #folder

  /** Resolves when it accepts connections. `env` is added to that of the subject. `preload` is a module beside this one that Node loads into it; it can be talked to with `ask`. */
  static async start (subject, { env, preload } = {}) {
    const server = new ServerProcess()
    server.port = await freePort()
    const keeps = subject.env?.BROKER_URL === 'file:'
    if (keeps) server.#folder = mkdtempSync(join(tmpdir(), 'herald-bench-'))
    const [program, ...args] = subject.command
    const command = pinned('server', [program, ...preload === undefined ? [] : ['--import', new URL(preload, import.meta.url).href], ...args])
    server.#child = keep(spawn(command[0], command.slice(1), {
      env: { ...process.env, NODE_ENV: 'production', NODE_OPTIONS: '', ...subject.env, ...env, ...keeps && { BROKER_URL: `file:${server.#folder}` }, PORT: String(server.port) },
      stdio: ['ignore', 'ignore', 'pipe', ...preload === undefined ? [] : ['ipc']]
    }))
    server.#child.on('error', (error) => { server.#errors += error.message })
    server.#child.stderr.on('data', (text) => { server.#errors = (server.#errors + text).slice(-2000) })
    await server.#listening()
    return server
  }

  get pid () { return this.#child.pid }
  cpu () { return readCpu(this.pid) }
  rss () { return readRss(this.pid) }
  async stop () {
    await end(this.#child)
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true })
  }

  async ask (message) {
    const answer = once(this.#child, 'message', { signal: AbortSignal.timeout(START_MS) })
    this.#child.send(message)
    return (await answer)[0]
  }

  async #listening () {
    const deadline = performance.now() + START_MS
    while (!await accepts(this.port)) {
      const { pid, exitCode, signalCode } = this.#child
      if (pid === undefined || exitCode !== null || signalCode !== null) throw new Error(`it did not start: ${this.#errors.trim()}`)
      if (performance.now() > deadline) {
        await this.stop()
        throw new Error(`it does not listen: ${this.#errors.trim()}`)
      }
      await sleep(50)
    }
  }
}
