import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { end, keep } from '../../scripts/children.js'
import { freePort } from '../../scripts/ports.js'
import { pinned } from './cores.js'
import { accepts } from './ports.js'

const PROGRAM = '/usr/bin/redis-server'

/** A `redis-server` of its own, which keeps nothing on the disk. On the core of the servers: the load never rests. */
export class RedisProcess {
  #child
  port

  static async start () {
    const redis = new RedisProcess()
    redis.port = await freePort()
    const [program, ...args] = pinned('server', [PROGRAM, '--port', String(redis.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'])
    redis.#child = keep(spawn(program, args, { stdio: 'ignore' }))
    while (!await accepts(redis.port)) await sleep(20)
    return redis
  }

  get url () { return `redis://127.0.0.1:${this.port}` }
  /** CPU that its thread has used, in microseconds: exact, where the ticks of the whole process are too coarse. */
  cpu () { return Number(readFileSync(`/proc/${this.#child.pid}/schedstat`, 'utf8').split(' ')[0]) / 1000 }
  async stop () { await end(this.#child) }
}
