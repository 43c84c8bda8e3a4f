import { rowsOf, shown, table } from '../report/tables.js'

const SOCKETS = 50

const ATTACKS = {
  pings: '20 clients a second that send 2,000 pings',
  pongs: '… 2,000 pongs',
  frames: '… 2,000 frames',
  getStats: '… 2,000 times `get_stats`',
  junk: '… 2,000 frames that are no JSON',
  fragments: '… a message in 2,000 fragments',
  compressed: '100 clients a second that send a compressed frame',
  refused: '1,000 upgrades a second with a bad token',
  upgrades: '1,000 upgrades a second that are accepted',
  headers: '100 requests a second with 100 KB of headers',
  unfinished: '200 requests a second that never end'
}

export const hostile = {
  name: 'hostile',
  title: 'Beside bad clients',
  inQuick: false,

  async measure (bench) {
    const ms = bench.quick ? 3_000 : 10_000
    return await bench.alternate({ rounds: bench.quick ? 1 : 3, only: ['herald'] }, async ({ server, load }) => {
      await load.call('open', { count: SOCKETS })
      const run = async (attack) => await load.call('pingBeside', { ms, attack })
      for (const attack of Object.keys(ATTACKS)) await load.call('pingBeside', { ms: ms / 10, attack }) // The server's compiler sees it all.
      const cases = {}
      for (const attack of Object.keys(ATTACKS)) {
        await bench.settle(500)
        const quiet = await run()
        const beside = await run(attack)
        cases[attack] = { quiet: quiet.p99, p50: beside.p50, p99: beside.p99, times: beside.p99 / quiet.p99, missing: quiet.missing + beside.missing, rss: server.rss() / 1024 }
      }
      return cases
    })
  },

  report ({ herald }) {
    if (herald?.failed !== undefined || herald === undefined) return table(['', ''], rowsOf({ herald: herald ?? { failed: 'not measured' } }, () => []))
    return [
      `${SOCKETS} ordinary sockets ping Herald 200 times a second together: how long the pongs take, in ms, right before each attack and during it, and how many times longer; resident MB of the server after it:`,
      table(['', 'p99, quiet', 'p50', 'p99', 'times', 'missing', 'MB'], Object.entries(herald).map(([attack, { quiet, p50, p99, times, missing, rss }]) => [
        ATTACKS[attack], shown(quiet), shown(p50), shown(p99), shown(times, 2), shown(missing, 0), shown(rss, 0)
      ]))
    ].join('\n\n')
  }
}
