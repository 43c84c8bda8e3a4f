import { Latencies } from '../load/latencies.js'
import { cpuBetween } from '../measure/process-usage.js'
import { summariseAll } from '../measure/statistics.js'
import { rowsOf, shown, table } from '../report/tables.js'

/** As many as one address may open at once. */
const SOCKETS = 100

/** Beside each kind, so that V8 has compiled what serves it: a new server takes twice as long for an upgrade as one that has served some thousands. */
const WARM_UP_MS = 2_000

const ATTACKS = {
  pings: '20 clients a second that send 2,000 pings',
  pongs: '… 2,000 pongs',
  frames: '… 2,000 frames',
  getStats: '… 2,000 times `get_stats`',
  junk: '… 2,000 frames that are no JSON',
  closes: '… 2,000 close frames',
  fragments: '… a message in 2,000 fragments',
  oversized: '… a message of 72 KB in 600 fragments',
  compressed: '100 clients a second that send a compressed frame',
  broken: '… a frame without a mask, of a reserved opcode, or a close of one byte',
  slowReaders: '… 40 pings of 125 bytes, and read a byte a second',
  oneAddress: `1,000 upgrades a second from one address, which may open ${SOCKETS}`,
  refused: '1,000 upgrades a second with a bad token, from as many addresses',
  upgrades: '1,000 upgrades a second that are accepted, from as many addresses',
  headers: '100 requests a second with 100 KB of headers',
  unfinished: '200 requests a second that end in their headers, their body or their upgrade'
}

export const hostile = {
  name: 'hostile',
  title: 'Beside bad clients',
  inQuick: false,

  async measure (bench) {
    const stretch = { ms: 500, times: bench.quick ? 2 : 7 }
    return await bench.alternate({ rounds: bench.quick ? 1 : 3, only: ['herald'], server: { env: { CONNECT_RATE: SOCKETS } } }, async (run) => {
      const attacker = await bench.secondLoad(run)
      try {
        await run.load.call('giveWay')
        await run.load.call('open', { count: SOCKETS })
        for (const name of Object.keys(ATTACKS)) await measureBeside(run, attacker, name, { ms: WARM_UP_MS, times: 1 })
        const cases = {}
        for (const name of Object.keys(ATTACKS)) cases[name] = await measureBeside(run, attacker, name, stretch)
        return cases
      } finally {
        await attacker.stop()
      }
    })
  },

  report ({ herald }) {
    if (herald?.failed !== undefined || herald === undefined) return table(['', ''], rowsOf({ herald: herald ?? { failed: 'not measured' } }, () => []))
    return [
      `${SOCKETS} ordinary sockets ping Herald 1,000 times a second together, alone and beside bad clients in turn: how long the pongs take from when the ping should have been sent, in ms, and how many times longer beside those; ` +
        'how much of its core the server uses meanwhile, how many of the bad clients there were that should have been, and resident MB of the server after them:',
      table(['', 'p99, alone', 'p99', 'times', 'missing', 'CPU, %', 'came, %', 'MB'], Object.entries(herald).map(([name, { alone, p99, times, missing, cpu, came, rss }]) => [
        ATTACKS[name], shown(alone, 2), shown(p99, 2), shown(times, 2), shown(missing, 0), shown(cpu, 0), shown(came, 0), shown(rss, 0)
      ]))
    ].join('\n\n')
  }
}

/**
 * Stretches alone and beside the attack take turns, each is compared with the one before it, and the median of all counts:
 * so what else happens on the machine is in both, or in few. `cpu` and `came` are percentages, the first of all stretches together: one is too short for the clock of it.
 */
async function measureBeside ({ bench, server, load }, attacker, name, { ms, times }) {
  const pairs = []
  let cpu = 0
  let tookMs = 0
  for (let i = 0; i < times; i++) {
    const alone = await ping(load, ms)
    const before = server.cpu()
    const started = performance.now()
    const [{ came }, beside] = await Promise.all([attacker.call('attack', { ms, name }), ping(load, ms)])
    cpu += cpuBetween(before, server.cpu()).total
    tookMs += performance.now() - started
    pairs.push({ alone: alone.p99, p99: beside.p99, times: beside.p99 / alone.p99, missing: alone.missing + beside.missing, came: 100 * came })
    await bench.settle(100)
  }
  const medians = Object.fromEntries(Object.entries(summariseAll(pairs)).map(([key, { median }]) => [key, median]))
  return { ...medians, missing: pairs.reduce((sum, { missing }) => sum + missing, 0), cpu: 100 * cpu / (1000 * tookMs), rss: server.rss() / 1024 }
}

async function ping (load, ms) {
  const { took, missing } = await load.call('measurePings', { ms })
  const latencies = new Latencies()
  for (const one of took) latencies.add(one)
  return { p99: latencies.summary().p99, missing }
}
