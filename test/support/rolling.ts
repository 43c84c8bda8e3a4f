import { join } from 'node:path'
import { startBalancer } from '../../example/balancer.js'
import { freePort } from '../../scripts/ports.js'
import { SECRET } from './app.js'
import { sumOf, type Tally, tally } from './nothing-lost.js'
import { Poster } from './poster.js'
import { type Owner, root, type Server, startServer, withOwner } from './process.js'
import { type RedisServer, startRedis } from './redis.js'
import { type CountsFrom, resumingClients } from './resuming-client.js'
import { until } from './wait.js'

const USERS = Array.from({ length: 100 }, (_, i) => `user${i}`)
const NODES = 2
/** Between notifications; a fifth of them are broadcasts, each of which holds up all clients here, who come back late by that. */
const PAUSE_MS = 250
/** Clients that connect together at the beginning. */
const AT_ONCE = 100
const RATE_WINDOW_MS = 1000

/** Of ten clients: how they come back. */
const KINDS: CountsFrom[] = ['frame', 'close', 'frame', 'close', 'frame', 'never', 'frame', 'close', 'frame', 'close']

export interface RollingResult extends Tally {
  clients: number
  /** How often clients were told to come back. */
  told: number
  /** For each: who was there, how it ended, the busiest second of any node against the even rate, and who was refused because a node was stopping. */
  restarts: Array<{ sockets: number, stopMs: number, code: number | null, evenPerSecond: number, peakPerSecond: number, refusals: number }>
}

/** Two nodes on one Redis behind a balancer, with clients that come back in each of the ways; both nodes are stopped and started again, one after the other. */
export async function rollingRestart ({ clients: count, drainSeconds, onStep = () => {} }: { clients: number, drainSeconds: number, onStep?: (text: string) => void }): Promise<RollingResult> {
  return await withOwner(async (owner) => {
    const redis = await startRedis(owner)
    const ports: number[] = []
    /** All that were ever started. */
    const nodes: Server[] = []
    while (ports.length < NODES) ports.push(await freePort())
    for (const port of ports) nodes.push(await startNode(owner, port, redis, drainSeconds))
    const balancer = await startBalancer(0, () => ports)
    owner.teardown(() => { balancer.close() })
    const { port } = balancer.address() as { port: number }
    const base = `127.0.0.1:${port}/api/v1/ws`

    const clients = resumingClients({ count, users: USERS, anonymousEvery: 7, ws: `ws://${base}`, kinds: KINDS })
    const poster = new Poster({ name: 'poster', users: USERS, address: () => `http://${base}`, insists: false, pauseMs: PAUSE_MS })
    for (const one of [poster, ...clients]) owner.teardown(() => { one.stop() })
    for (let i = 0; i < count; i += AT_ONCE) {
      await Promise.all(clients.slice(i, i + AT_ONCE).map(async (client) => { await client.start() }))
      onStep(`${i + AT_ONCE} connected`)
    }
    const running = poster.run()
    const restarts: Restart[] = []
    for (const [i, node] of nodes.slice().entries()) {
      onStep(`restart ${i + 1} of ${NODES}`)
      const stoppedAt = Date.now()
      node.kill('SIGTERM')
      const { code } = await node.exited
      const [from = 0, to = Infinity] = ['stopping', 'stopped'].flatMap((what) => timesOf(node, what, stoppedAt, Infinity))
      restarts.push({ node, stoppedAt, stopMs: to - from, code })
      nodes.push(await startNode(owner, node.port, redis, drainSeconds))
    }
    onStep('waiting for all')
    poster.stop()
    await running

    const { problems, ...arrived } = await tally(clients, [poster], 30_000)
    const measured = restarts.map((restart, i) => measure(restart, nodes, restarts[i + 1]?.stoppedAt ?? Infinity, drainSeconds))
    return {
      clients: count,
      ...arrived,
      told: sumOf(clients, ({ told }) => told),
      restarts: measured,
      problems: [...problems, ...measured.flatMap((restart) => problemsOf(restart))]
    }
  })
}

async function startNode (owner: Owner, port: number, { url }: RedisServer, drainSeconds: number): Promise<Server> {
  const node = await startServer(owner, {
    PORT: String(port),
    BROKER_URL: url,
    JWT_SECRET: SECRET,
    WS_AUTH: 'optional',
    ALLOW_ANONYMOUS: 'true',
    MAX_CONNECTIONS_PER_USER: '0',
    DRAIN_SECONDS: String(drainSeconds)
  }, [join(root, 'dist/src/server.js')])
  await until(async () => (await fetch(`http://127.0.0.1:${port}/health/ready`)).ok, 10_000)
  return node
}

interface Restart { node: Server, stoppedAt: number, stopMs: number, code: number | null }

/** What the logs of all nodes say of a restart, before the next one or until `to`. */
function measure ({ node, stoppedAt, stopMs, code }: Restart, nodes: Server[], to: number, drainSeconds: number): RollingResult['restarts'][number] {
  const sockets = timesOf(node, 'disconnected', stoppedAt, to).length
  return {
    sockets,
    stopMs,
    code,
    evenPerSecond: Math.round(sockets / drainSeconds),
    peakPerSecond: Math.max(...nodes.map((one) => peak(timesOf(one, 'connected', stoppedAt, to)))),
    refusals: timesOf(node, 'refused', stoppedAt, to).length
  }
}

function problemsOf ({ code, peakPerSecond, evenPerSecond }: RollingResult['restarts'][number]): string[] {
  return [
    ...(code === 0 ? [] : [`a node ended with ${String(code)}`]),
    ...(peakPerSecond <= 2 * evenPerSecond ? [] : [`${peakPerSecond} came back to one node in a second, where ${evenPerSecond} would be even`])
  ]
}

/** When a node logged this, in some time. */
const timesOf = ({ stdout }: Server, what: string, from: number, to: number): number[] => stdout.all
  .filter((line) => line.includes(`"msg":"${what}"`))
  .map((line) => JSON.parse(line) as { time: number, url?: string })
  .filter(({ time, url }) => time >= from && time < to && url !== '/health/ready')
  .map(({ time }) => time)

/** The most that came within a second, wherever it begins. */
function peak (times: number[]): number {
  let from = 0
  return Math.max(0, ...times.map((time, i) => {
    while (time - (times[from] ?? 0) >= RATE_WINDOW_MS) from++
    return i - from + 1
  }))
}
