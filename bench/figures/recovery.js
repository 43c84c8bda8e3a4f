import { rowsOf, shown, table } from '../report/tables.js'

const SOCKETS = 5_000
const MISSED = 20

export const recovery = {
  name: 'recovery',
  title: 'A storm of returns',
  inQuick: false,

  async measure (bench) {
    const settleMs = bench.quick ? 1_000 : 6_000
    return await bench.alternate({ rounds: bench.quick ? 1 : 2, only: ['herald', 'herald-file'], preload: 'loop-delay.js' }, async ({ server, load }) => {
      const storm = async () => await load.call('recover', { missed: MISSED })
      await load.call('open', { count: SOCKETS })
      await storm() // The heap takes its size for one.
      await bench.settle(settleMs)
      const before = server.rss()
      await server.ask('reset')
      const { recovered, ms, opened } = await storm()
      const delay = await server.ask('read')
      await bench.settle(settleMs)
      return {
        all: { perSecond: recovered / ms * 1000, seconds: ms / 1000, opened: opened / 1000, p99: delay.p99, max: delay.max, before: before / 1024, after: server.rss() / 1024 }
      }
    })
  },

  report (results) {
    return [
      `${SOCKETS.toLocaleString('en-US')} clients are cut at once, miss ${MISSED} notifications each, half of them broadcasts, and come back with their id, 256 at a time. ` +
        'Notifications that were recovered a second, from the first return to the last notification; how late the event loop of the server turned meanwhile, in ms, and while the notifications were posted; its memory in MB:',
      table(
        ['', 'a second', 'seconds', 'of them connecting', 'loop p99', 'loop at most', 'MB before', 'MB after'],
        rowsOf(results, ({ all: { perSecond, seconds, opened, p99, max, before, after } }) => [
          shown(perSecond, 0), shown(seconds), shown(opened), shown(p99), shown(max), shown(before, 0), shown(after, 0)
        ])
      )
    ].join('\n\n')
  }
}
