import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startBalancer } from '../../example/balancer.js'
import { SECRET } from './app.js'
import { type Tally, tally } from './nothing-lost.js'
import { freePort } from '../../scripts/ports.js'
import { Poster } from './poster.js'
import { type Owner, root, type Server, startServer, withOwner } from './process.js'
import { type RedisServer, startRedis } from './redis.js'
import { cutAtRandom, resumingClients } from './resuming-client.js'
import { stats } from './rest.js'
import { until } from './wait.js'

const USERS = Array.from({ length: 12 }, (_, i) => `user${i}`)
const NODES = 3
const CLIENTS = 60
const CUT_EVERY_MS = 100
const RED_MS = 5_000
/** After such a silence the others take a node for dead. */
const TAKEN_FOR_DEAD_MS = 12_000
const GREEN_MS = 10_000

export interface ChaosResult extends Tally {
  faults: Record<string, number>
  /** The longest that readiness took, in ms. */
  slowestRed: number
  slowestGreen: number
}

/** Three nodes behind a balancer and one Redis with its file; what is posted at each node, and `faults` of every kind at random. */
export async function chaos ({ faults, folder, onFault = () => {} }: { faults: number, folder: string, onFault?: (fault: number, name: string) => void }): Promise<ChaosResult> {
  return await withOwner(async (owner) => {
    const site = await Site.start(owner, folder)
    const balancer = await startBalancer(0, () => site.ports)
    owner.teardown(() => { balancer.close() })
    const { port } = balancer.address() as { port: number }
    const clients = resumingClients({ count: CLIENTS, users: USERS, anonymousEvery: 6, ws: `ws://127.0.0.1:${port}/api/v1/ws` })
    const posters = site.ports.map((nodePort, i) =>
      new Poster({ name: `poster${i}`, users: USERS, address: () => `http://127.0.0.1:${nodePort}/api/v1/ws`, insists: i > 0 }))
    for (const one of [...posters, ...clients]) owner.teardown(() => { one.stop() })
    await Promise.all(clients.map(async (client) => { await client.start() }))
    const stopCutting = cutAtRandom(owner, clients, CUT_EVERY_MS)
    const running = posters.map(async (poster) => { await poster.run() })
    const names = Object.keys(site.faults) as Array<keyof Site['faults']>
    const failures: string[] = []
    const counts: Record<string, number> = {}
    for (let fault = 0; fault < faults; fault++) {
      // Each kind once, before any comes twice.
      const name = names[fault < names.length ? fault : Math.floor(Math.random() * names.length)] ?? 'nodeKilled'
      counts[name] = (counts[name] ?? 0) + 1
      onFault(fault + 1, name)
      await sleep(300 + Math.random() * 700)
      await site.faults[name]().catch((error: unknown) => { failures.push(`${name}: ${String(error)}`) })
    }
    for (const poster of posters) poster.stop()
    await Promise.all(running)
    stopCutting()

    const { problems, ...arrived } = await tally(clients, posters, 20_000)
    await site.checkCounts(CLIENTS, USERS.length - 2).catch((error: unknown) => { failures.push(String(error)) })
    return {
      faults: counts,
      ...arrived,
      slowestRed: Math.round(site.slowestRed),
      slowestGreen: Math.round(site.slowestGreen),
      problems: [...failures, ...problems]
    }
  })
}

/** The processes, and what is done to them. */
class Site {
  readonly ports: number[]
  slowestRed = 0
  slowestGreen = 0
  readonly #owner: Owner
  readonly #folder: string
  #redis: RedisServer
  readonly #nodes: Server[] = []

  private constructor (owner: Owner, folder: string, redis: RedisServer, ports: number[]) {
    this.#owner = owner
    this.#folder = folder
    this.#redis = redis
    this.ports = ports
  }

  static async start (owner: Owner, folder: string): Promise<Site> {
    const redis = await startRedis(owner, { folder })
    const ports: number[] = []
    while (ports.length < NODES) ports.push(await freePort())
    const site = new Site(owner, folder, redis, ports)
    for (let i = 0; i < NODES; i++) await site.#startNode(i)
    return site
  }

  readonly faults = {
    nodeKilled: async () => {
      const i = Math.floor(Math.random() * NODES)
      this.#nodes[i]?.kill('SIGKILL')
      await this.#nodes[i]?.exited
      await sleep(Math.random() * 1000)
      await this.#startNode(i)
    },
    redisStopped: async () => {
      this.#redis.kill('SIGSTOP')
      await this.#becomeRed()
      await sleep(Math.random() * 2000)
      this.#redis.kill('SIGCONT')
      await this.#becomeGreen()
    },
    redisKilled: async () => {
      this.#redis.kill('SIGKILL')
      await this.#redis.exited
      await this.#becomeRed()
      await sleep(Math.random() * 1000)
      this.#redis = await startRedis(this.#owner, { folder: this.#folder, port: this.#redis.port })
      await this.#becomeGreen()
    },
    subscribersCut: async () => {
      this.#redis.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
      await this.#becomeGreen()
    },
    nodeStopped: async () => {
      const node = this.#nodes[Math.floor(Math.random() * NODES)]
      node?.kill('SIGSTOP')
      await sleep(Math.random() < 0.2 ? TAKEN_FOR_DEAD_MS : Math.random() * 3000)
      node?.kill('SIGCONT')
      await this.#becomeGreen()
    }
  }

  /** Every node says how many sockets and users there are. */
  async checkCounts (connections: number, users: number): Promise<void> {
    for (const node of this.#nodes) {
      let counts = {}
      await until(async () => {
        const { total_connections: total, users_count: named } = counts = await stats(node)
        return total === connections && named === users
      }, 15_000).catch(() => { throw new Error(`the node at ${node.port} counts ${JSON.stringify(counts)}, and not ${connections} and ${users}`) })
    }
  }

  async #startNode (i: number): Promise<void> {
    this.#nodes[i] = await startServer(this.#owner, {
      PORT: String(this.ports[i]),
      BROKER_URL: this.#redis.url,
      JWT_SECRET: SECRET,
      WS_AUTH: 'optional',
      ALLOW_ANONYMOUS: 'true',
      MAX_CONNECTIONS_PER_USER: '0',
      RETENTION_PER_USER: '0',
      RETENTION_BROADCAST: '0',
      LOG_LEVEL: 'info'
    }, [join(root, 'dist/src/server.js')])
  }

  async #becomeRed (): Promise<void> {
    for (const port of this.ports) this.slowestRed = Math.max(this.slowestRed, await until(async () => await statusOf(port) === 503, RED_MS))
  }

  async #becomeGreen (): Promise<void> {
    for (const port of this.ports) this.slowestGreen = Math.max(this.slowestGreen, await until(async () => await statusOf(port) === 200, GREEN_MS))
  }
}

const statusOf = async (port: number): Promise<number> => {
  try {
    return (await fetch(`http://127.0.0.1:${port}/health/ready`, { signal: AbortSignal.timeout(1000) })).status
  } catch {
    return 0
  }
}
