import { rowsOf, shown, table } from '../report/tables.js'

const SOCKETS = 5_000
const MISSED = 20

export const recovery = {
  name: 'recovery',
  title: 'A storm of returns',
  inQuick: false,

  async measure (bench) {
    const settleMs = bench.quick ? 1_000 : 6_000
    return await bench.alternate({ rounds: bench.quick ? 1 : 2, only: ['herald', 'herald-file'], server: { preload: 'probe.js' } }, async ({ server, load }) => {
      const storm = async () => await load.call('recover', { missed: MISSED })
      await load.call('open', { count: SOCKETS })
      for (let i = 0; i < 2; i++) await storm() // The journal is as full as it gets.
      await bench.settle(settleMs)
      const before = await memory(server)
      await server.ask('reset')
      const { recovered, ms, opened } = await storm()
      const delay = await server.ask('read')
      await bench.settle(settleMs)
      const after = await memory(server)
      return {
        all: { perSecond: recovered / ms * 1000, seconds: ms / 1000, opened: opened / 1000, p99: delay.p99, max: delay.max, before: before.live, after: after.live, rssBefore: before.rss, rssAfter: after.rss }
      }
    })
  },

  report (results) {
    return [
      `${SOCKETS.toLocaleString('en-US')} clients are cut at once, miss ${MISSED} notifications each, half of them broadcasts, and come back with their id, 256 at a time. ` +
        'Notifications that were recovered a second, from the first return to the last notification; how late the event loop of the server turned meanwhile, in ms, and while the notifications were posted; the memory in use before and after in MB, with the garbage collected, and what the process holds of it, which V8 gives back only in quiet minutes:',
      table(
        ['', 'a second', 'seconds', 'of them connecting', 'loop p99', 'loop at most', 'in use before', 'after', 'held before', 'after'],
        rowsOf(results, ({ all: { perSecond, seconds, opened, p99, max, before, after, rssBefore, rssAfter } }) => [
          shown(perSecond, 0), shown(seconds), shown(opened), shown(p99), shown(max), shown(before, 0), shown(after, 0), shown(rssBefore, 0), shown(rssAfter, 0)
        ])
      )
    ].join('\n\n')
  }
}

/** In MB. */
async function memory (server) {
  const { bytes } = await server.ask('live')
  return { live: bytes / 1e6, rss: server.rss() / 1e3 }
}
