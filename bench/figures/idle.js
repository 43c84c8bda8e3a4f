import { cpuBetween } from '../measure/process-usage.js'
import { rowsOf, shown, table } from '../report/tables.js'

const SOCKETS = 10_000

/** One interval of heartbeats, or pings, of those that are measured, and a little more. */
const MS = 26_000

export const idle = {
  name: 'idle',
  title: 'Doing nothing with 10,000 connections',
  inQuick: false,

  async measure (bench) {
    return await bench.alternate({ rounds: bench.quick ? 1 : 2, only: ['uwebsockets', 'herald', 'socket-io'] }, async ({ server, load }) => {
      await load.call('open', { count: SOCKETS })
      await bench.settle(bench.quick ? 1_000 : 90_000) // By then V8 has cleared up after the connects, and compiled what runs.
      const before = server.cpu()
      const started = performance.now()
      await bench.settle(MS)
      const { total } = cpuBetween(before, server.cpu(), (performance.now() - started) * 1000 / 100)
      return { all: { percent: total, lost: await load.call('lost') } }
    })
  },

  report (results) {
    return [
      'CPU of the server in percent of a core over 26 seconds, in which each connection gets its heartbeat, or ping, and answers it:',
      table(['', '% of a core', 'lost connections'], rowsOf(results, ({ all: { percent, lost } }) => [shown(percent, 2), shown(lost, 0)]))
    ].join('\n\n')
  }
}
