import { cpuBetween } from '../measure/process-usage.js'
import { rowsOf, shown, table } from '../report/tables.js'

const WARM_UP = 1_000
const SOCKETS = 5_000

export const connects = {
  name: 'connects',
  title: 'Connecting',
  inQuick: false,

  async measure (bench) {
    const count = bench.quick ? WARM_UP : SOCKETS
    return await bench.alternate({ rounds: bench.quick ? 1 : 3 }, async ({ server, load }) => {
      await load.call('open', { count: WARM_UP })
      await load.call('close')
      await bench.settle(500)
      const before = server.cpu()
      const ms = await load.call('open', { count })
      await bench.settle(200)
      const { total } = cpuBetween(before, server.cpu(), count)
      return { all: { perSecond: count / ms * 1000, cpu: total } }
    })
  },

  report (results) {
    return [
      "Connects a second, 64 at a time, and CPU of the server for each in µs. Herald verifies a token each time, the others do not. Where the server is faster than the load, the number a second is the load's.",
      table(['', 'a second', 'µs each'], rowsOf(results, ({ all: { perSecond, cpu } }) => [shown(perSecond, 0), shown(cpu, 0)]))
    ].join('\n\n')
  }
}
