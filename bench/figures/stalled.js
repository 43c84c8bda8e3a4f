import { rowsOf, shown, table } from '../report/tables.js'

const SOCKETS = 1_000
const STALLED = 10
const LOAD = { broadcasts: 20, fed: STALLED, feeds: 8 }

export const stalled = {
  name: 'stalled',
  title: '10 of 1,000 readers stall',
  inQuick: false,

  async measure (bench) {
    const ms = bench.quick ? 16_000 : 30_000
    return await bench.alternate({ rounds: bench.quick ? 1 : 2, only: ['herald', 'by-hand'] }, async ({ server, load }) => {
      await load.call('open', { count: SOCKETS })
      await load.call('measureStalled', { ms: 3_000, ...LOAD, stall: false })
      const quiet = await load.call('measureStalled', { ms: ms / 4, ...LOAD, stall: false })

      const before = server.rss()
      let most = before
      const watch = setInterval(() => { most = Math.max(most, server.rss()) }, 250)
      try {
        const { p99, missing, ended } = await load.call('measureStalled', { ms, ...LOAD, stall: true })
        return {
          quiet: { p99: quiet.p99 },
          stalled: { p99, missing, ended, rssBefore: before / 1024, rssMost: most / 1024 }
        }
      } finally {
        clearInterval(watch)
      }
    })
  },

  report (results) {
    return [
      `${LOAD.broadcasts} broadcasts a second to ${SOCKETS.toLocaleString('en-US')} sockets, and ${LOAD.feeds} notifications of 60 KB a second to each of ${STALLED}, which then stop reading. Milliseconds from the POST of a broadcast to its frame at the others; resident MB of the server; how many of the ${STALLED} it ended:`,
      table(
        ['', 'p99, all read', `p99, ${STALLED} stalled`, 'MB before', 'MB at most', 'ended', 'frames missing'],
        rowsOf(results, ({ quiet, stalled: { p99, missing, ended, rssBefore, rssMost } }) => [
          shown(quiet.p99), shown(p99), shown(rssBefore, 0), shown(rssMost, 0), shown(ended, 0), shown(missing, 0)
        ])
      )
    ].join('\n\n')
  }
}
