import { hasTool } from '../../scripts/tools.js'
import { RedisProcess } from '../measure/redis-process.js'
import { LoadProcess } from '../measure/load-process.js'
import { ServerProcess } from '../measure/server-process.js'
import { rowsOf, shown, table } from '../report/tables.js'

const SOCKETS = 3_000
const NODES = [1, 2, 3]
const USERS = 200
const RATE = 200
const CONNECTIONS = 64

/** Until V8 has compiled most of what it will: before, its threads take the core from the nodes. */
const WARM_UP_MS = 8_000

export const cluster = {
  name: 'cluster',
  title: 'Several nodes on one Redis',
  inQuick: false,
  needsRedis: true,

  async measure (bench) {
    if (!hasTool('redis')) return {}
    const ms = bench.quick ? 1_500 : 4_000
    return await bench.take({ rounds: bench.quick ? 1 : 3, only: ['herald-redis', 'socket-io-redis', 'socket-io-streams'] }, async (subject) => {
      const cases = {}
      for (const nodes of NODES) cases[nodes] = await withNodes(subject, nodes, async (site) => await measureBroadcast(site, ms))
      cases.across = await withNodes(subject, 2, async (site) => await measureAcross(site, ms))
      return cases
    })
  },

  report (results) {
    if (Object.keys(results).length === 0) return 'Left out: there is no redis-server.'
    return [
      `Broadcasts to ${SOCKETS.toLocaleString('en-US')} sockets, spread evenly over the nodes, one at a time. Deliveries for each second of CPU that the nodes use together, and the CPU of Redis for each broadcast in µs:`,
      table(['', ...NODES.flatMap((nodes) => [nodes === 1 ? '1 node' : `${nodes} nodes`, 'Redis'])],
        rowsOf(results, (result) => NODES.flatMap((nodes) => [shown(result[nodes].perCpuSecond, 0), shown(result[nodes].redis, 0)]))),
      `POST at one node to the user of a socket at another: milliseconds from when it should have been sent to when the frame is at the client, ${RATE} a second; then as many a second as ${CONNECTIONS} connections can ` +
        'where the nodes and Redis share one core, the CPU of both nodes and of Redis for each in µs, and how many one Redis would carry at that:',
      table(['', 'p50', 'p99', 'a second', 'nodes', 'Redis', 'publishes per CPU second of Redis'],
        rowsOf(results, ({ across: { p50, p99, perSecond, nodes, redis, perRedisSecond } }) => [shown(p50, 2), shown(p99, 2), shown(perSecond, 0), shown(nodes, 0), shown(redis, 1), shown(perRedisSecond, 0)]))
    ].join('\n\n')
  }
}

/** Runs `measure({ redis, servers, loads })` with so many nodes; each has a process of load. */
async function withNodes (subject, nodes, measure) {
  const redis = await RedisProcess.start()
  const servers = []
  const loads = []
  try {
    for (let i = 0; i < nodes; i++) servers.push(await ServerProcess.start(subject, { env: subject.redisEnv(redis.url) }))
    for (const server of servers) loads.push(await LoadProcess.start(subject, server, { postsTo: servers[0] }))
    return await measure({ redis, servers, loads })
  } finally {
    for (const process of [...loads, ...servers, redis]) await process.stop()
  }
}

async function measureBroadcast ({ redis, servers, loads }, ms) {
  const each = SOCKETS / servers.length
  for (const [i, load] of loads.entries()) await load.call('open', { first: i * each, count: each })
  const [first, ...others] = loads
  await first.call('broadcast', { perTurn: 1, ms: 3_000 })
  await settled(others)
  const bytes = await sum(others, 'bytes')
  const before = { cpu: cpuOf(servers), redis: redis.cpu() }
  const { bursts, bytesPerDelivery } = await first.call('broadcast', { perTurn: 1, ms })
  await settled(others)
  const arrived = (await sum(others, 'bytes') - bytes) / bytesPerDelivery
  const expected = bursts * (SOCKETS - each)
  if (arrived < expected * 0.99) throw new Error(`${Math.round(arrived)} of ${expected} frames arrived at the other nodes`)
  return {
    perCpuSecond: bursts * SOCKETS / (cpuOf(servers) - before.cpu) * 1e6,
    redis: (redis.cpu() - before.redis) / bursts
  }
}

async function measureAcross ({ redis, servers, loads: [here, there] }, ms) {
  here.freeze() // It has nothing to do, never rests, and would take half of the load's core from the other one.
  await there.call('open', { count: USERS })
  await there.call('postNotify', { ms: WARM_UP_MS, connections: CONNECTIONS })
  const { p50, p99 } = await there.call('measureNotifyLatency', { ms: 2 * ms, rate: RATE })
  const before = { cpu: cpuOf(servers), redis: redis.cpu() }
  const { requests, ms: took } = await there.call('postNotify', { ms, connections: CONNECTIONS })
  const perPublish = (redis.cpu() - before.redis) / requests
  return { p50, p99, perSecond: requests / took * 1000, nodes: (cpuOf(servers) - before.cpu) / requests, redis: perPublish, perRedisSecond: 1e6 / perPublish }
}

const cpuOf = (servers) => servers.reduce((sum, server) => sum + server.cpu().total, 0)

async function sum (loads, command) {
  let sum = 0
  for (const load of loads) sum += await load.call(command)
  return sum
}

/** Resolves when nothing arrives any more. */
async function settled (loads) {
  for (let last = -1, bytes = 0; bytes !== last;) {
    last = bytes
    await new Promise((resolve) => { setTimeout(resolve, 300) })
    bytes = await sum(loads, 'bytes')
  }
}
