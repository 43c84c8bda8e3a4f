import { join } from 'node:path'
import { freePort } from '../../scripts/ports.js'
import { SECRET } from './app.js'
import { Crowd } from './crowd.js'
import { type Tally, tallyOf } from './nothing-lost.js'
import { Poster } from './poster.js'
import { type Owner, root, type Server, start, startServer, withOwner } from './process.js'
import { type RedisServer, startRedis } from './redis.js'
import type { CountsFrom } from './resuming-client.js'
import { isReady } from './rest.js'
import { until } from './wait.js'

const USERS = Array.from({ length: 100 }, (_, i) => `user${i}`)
const NODES = 2
/** Between notifications; a fifth of them are broadcasts, each of which keeps a process of clients busy, who come back late by that. */
const PAUSE_MS = 250
/** Processes that the clients live in. Each has a balancer of its own: one that passes a broadcast on to all is busy with that for longer than any of these. */
const CROWDS = 2
const ARRIVAL_MS = 30_000
const RATE_WINDOW_MS = 1000

/** Of ten clients: how they come back. Those that the balancer gives to one node, every other one mostly, are of all kinds. */
const KINDS: CountsFrom[] = ['frame', 'frame', 'close', 'close', 'frame', 'frame', 'close', 'close', 'never', 'frame']

export interface RollingResult extends Tally {
  clients: number
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

    const bases = await Promise.all(Array.from({ length: CROWDS }, async () => `127.0.0.1:${await balance(owner, ports)}/api/v1/ws`))
    const crowds = bases.map((base, i) => {
      const [first = 0, end = 0] = [i, i + 1].map((part) => Math.round(count * part / CROWDS))
      return new Crowd(owner, { first, count: end - first, users: USERS, anonymousEvery: 7, ws: `ws://${base}`, kinds: KINDS })
    })
    const poster = new Poster({ name: 'poster', users: USERS, address: () => `http://${bases[0]}`, insists: false, pauseMs: PAUSE_MS })
    owner.teardown(() => { poster.stop() })
    onStep('connecting')
    await Promise.all(crowds.map(async (crowd) => { await crowd.connect() }))
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

    const arrived = await Promise.all(crowds.map(async (crowd) => await crowd.arrivals(poster.answered, ARRIVAL_MS)))
    const { problems, ...counts } = tallyOf([poster], arrived)
    const measured = restarts.map((restart, i) => measure(restart, nodes, restarts[i + 1]?.stoppedAt ?? Infinity, drainSeconds))
    return {
      clients: count,
      ...counts,
      restarts: measured,
      problems: [...problems, ...measured.flatMap((restart) => problemsOf(restart))]
    }
  })
}

/** Starts a balancer, in a process of its own; resolves with its port. */
async function balance (owner: Owner, ports: number[]): Promise<number> {
  const script = `import('./example/balancer.js').then(async ({ startBalancer }) => {
    const server = await startBalancer(0, () => ${JSON.stringify(ports)})
    console.log('port', server.address().port)
  })`
  const { stdout, stderr } = start(owner, process.execPath, ['-e', script])
  const [, port] = await stdout.match(/^port (\d+)/).catch(() => { throw new Error(`the balancer did not start: ${stderr.text}`) })
  return Number(port)
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
  await until(() => isReady(node), 10_000)
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
