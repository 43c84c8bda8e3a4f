import { measurePerDelivery, openAndWarmUp } from '../measure/per-delivery.js'
import { casesOf, ratio, rowsOf, shown, table } from '../report/tables.js'
import { SIZES } from '../subjects.js'

export const growth = {
  name: 'growth',
  title: 'A broadcast to more and more sockets',
  inQuick: false,

  async measure (bench) {
    const sizes = bench.quick ? SIZES.slice(0, 1) : SIZES
    return await bench.alternate({ rounds: bench.quick ? 1 : 3, only: ['uwebsockets', 'herald', 'by-hand'] }, async (run) => {
      const cases = {}
      let open = 0
      for (const size of sizes) {
        await openAndWarmUp(run, { open, count: size, ms: open === 0 ? 3_000 : 1_000 }) // Else the first number looks large, and what is divided by it small.
        open = size
        cases[size] = await measurePerDelivery(run, { perTurn: 1, ms: bench.quick ? 1_000 : 3_000 })
      }
      return cases
    })
  },

  report (results) {
    const sizes = casesOf(results)
    return [
      'CPU of the server per delivered message, in µs, one message per turn of its event loop, by the number of sockets:',
      table(['', ...sizes.map((size) => Number(size).toLocaleString('en-US')), 'last to first'], rowsOf(results, (cases) => [
        ...sizes.map((size) => shown(cases[size].total, 2)),
        ratio(cases[sizes.at(-1)].total, cases[sizes[0]].total)
      ]))
    ].join('\n\n')
  }
}
