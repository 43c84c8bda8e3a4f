import { casesOf, rowsOf, shown, table } from '../report/tables.js'
import { SIZES } from '../subjects.js'

/** Connections that come and go first, a few at a time: the heap takes its size for them, not for those that are counted. */
const WARM_UP = { times: 10, count: 100 }

export const memory = {
  name: 'memory',
  title: 'Memory of an idle connection',
  inQuick: false,

  async measure (bench) {
    const sizes = bench.quick ? SIZES.slice(0, 1) : SIZES
    const settleMs = bench.quick ? 1_000 : 4_000
    return await bench.alternate({ rounds: bench.quick ? 1 : 2 }, async ({ server, load }) => {
      for (let i = 0; i < WARM_UP.times; i++) {
        await load.call('open', { count: WARM_UP.count })
        await load.call('close')
        await bench.settle(50)
      }
      await bench.settle(settleMs)
      const empty = server.rss()
      const cases = { 0: { totalMb: empty / 1024 } }
      let open = 0
      for (const size of sizes) {
        await load.call('open', { count: size - open })
        open = size
        await bench.settle(settleMs)
        const rss = server.rss()
        cases[size] = { kbEach: (rss - empty) / size, totalMb: rss / 1024 }
        const lost = await load.call('lost')
        if (lost > 0) throw new Error(`${lost} of ${size} idle connections were lost`)
      }
      return cases
    })
  },

  report (results) {
    const sizes = casesOf(results).filter((size) => size > 0)
    return [
      'Resident KB of the server per idle connection (without what the kernel keeps for a socket), by the number of connections, and MB of the process without any:',
      table(['', ...sizes.map((size) => Number(size).toLocaleString('en-US')), 'empty, MB'], rowsOf(results, (cases) => [
        ...sizes.map((size) => shown(cases[size].kbEach)),
        shown(cases[0].totalMb, 0)
      ]))
    ].join('\n\n')
  }
}
