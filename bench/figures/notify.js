import { cpuBetween } from '../measure/process-usage.js'
import { rowsOf, shown, table } from '../report/tables.js'
import { subjects } from '../subjects.js'

const USERS = 200
const ALL = 10_000
const CONNECTIONS = 128
const RATES = [200, 1_000]
const QUIET = 'alone'
const BUSY = 'with broadcasts'

export const notify = {
  name: 'notify',
  title: 'POST notify',
  inQuick: true,

  async measure (bench) {
    const ms = bench.quick ? 1_500 : 8_000
    return await bench.alternate({ rounds: bench.quick ? 1 : 3, only: subjects.filter(({ redisEnv }) => redisEnv === undefined).map(({ name }) => name) }, async (run) => {
      const { server, load } = run
      await load.call('open', { count: USERS })
      await load.call('postNotify', { ms: 1_000, connections: CONNECTIONS })
      const before = server.cpu()
      const { requests, ms: took } = await load.call('postNotify', { ms: ms / 2, connections: CONNECTIONS })
      const { total } = cpuBetween(before, server.cpu(), requests)
      const cases = { throughput: { perSecond: requests / took * 1000, cpu: total } }

      Object.assign(cases, await measureRates(run, QUIET, { ms }))
      if (!bench.quick) Object.assign(cases, await measureAmongMany(run, { ms }))
      return cases
    })
  },

  report (results) {
    return [
      `Requests a second with ${CONNECTIONS} connections, each with the next as soon as it has its answer, and CPU of the server for each in µs, the delivery to one socket included:`,
      table(['', 'a second', 'µs each'], rowsOf(results, ({ throughput: { perSecond, cpu } }) => [shown(perSecond, 0), shown(cpu, 0)])),
      ...[QUIET, BUSY].flatMap((situation) => reportLatency(results, situation))
    ].join('\n\n')
  }
}

async function measureRates ({ load }, situation, { ms, broadcasts }) {
  const cases = {}
  for (const rate of RATES) {
    const { p50, p99, p999 } = await load.call('measureNotifyLatency', { ms, rate, broadcasts })
    cases[`${situation}, ${rate}`] = { p50, p99, p999 }
  }
  return cases
}

/**
 * The many sockets that get the broadcasts belong to another process, which is halted meanwhile: the kernel takes their frames.
 * If it read them on the one core that the load has, the measure would be of that.
 */
async function measureAmongMany (run, { ms }) {
  const many = await run.bench.secondLoad(run)
  try {
    await many.call('open', { first: USERS, count: ALL - USERS })
    await run.bench.settle(1_000)
    many.freeze()
    return await measureRates(run, BUSY, { ms, broadcasts: true })
  } finally {
    await many.stop()
  }
}

function reportLatency (results, situation) {
  const cases = RATES.map((rate) => `${situation}, ${rate}`)
  if (!Object.values(results).some((result) => cases[0] in result)) return []
  return [
    `Milliseconds from when the POST should have been sent to when the frame is at the client, ${
      situation === QUIET ? 'nothing else going on' : `with one broadcast a second to ${ALL.toLocaleString('en-US')} sockets`}:`,
    table(
      ['', ...RATES.flatMap((rate) => [`p50 at ${rate}/s`, 'p99', 'p99.9'])],
      rowsOf(results, (result) => cases.flatMap((name) => ['p50', 'p99', 'p999'].map((part) => shown(result[name]?.[part], 2))))
    )
  ]
}
