import { fork } from 'node:child_process'
import { join } from 'node:path'
import { end, keep } from '../../scripts/children.js'
import { pinned } from './cores.js'

const main = join(import.meta.dirname, '../load/main.js')

/** How much longer than what it was told to take a command may take. */
const PATIENCE_MS = 90_000

/** A process that makes load: see the commands in `load/main.js`. */
export class LoadProcess {
  #child
  #calls = new Map()
  #lastId = 0

  /** `server` is a `ServerProcess` of the subject; `postsTo` another one that gets the POSTs. */
  static async start (subject, server, { postsTo = server } = {}) {
    const load = new LoadProcess()
    await load.call('aim', { subject: subject.name, port: server.port, postPort: postsTo.port, pid: server.pid })
    return load
  }

  constructor () {
    const [program, ...args] = pinned('load', [process.execPath])
    this.#child = keep(fork(main, { execPath: program, execArgv: args }))
    this.#child.on('message', ({ id, result, error }) => {
      if (error === undefined) this.#calls.get(id)?.resolve(result)
      else this.#calls.get(id)?.reject(new Error(error))
    })
    this.#child.on('exit', () => { for (const { reject } of this.#calls.values()) reject(new Error('the load process has ended')) })
  }

  /** Resolves with the result of the command, or rejects. */
  async call (command, options = {}) {
    const id = ++this.#lastId
    let timer
    try {
      return await new Promise((resolve, reject) => {
        this.#calls.set(id, { resolve, reject })
        timer = setTimeout(() => { reject(new Error(`the load process did not finish: ${command}`)) }, (options.ms ?? 0) + PATIENCE_MS)
        this.#child.send({ id, command, options })
      })
    } finally {
      clearTimeout(timer)
      this.#calls.delete(id)
    }
  }

  /** Halts it: its sockets stay open and take what their buffers hold, and it costs no CPU. */
  freeze () { this.#child.kill('SIGSTOP') }
  stop () { return end(this.#child) }
}
