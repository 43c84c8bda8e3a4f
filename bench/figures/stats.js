import { rowsOf, shown, table } from '../report/tables.js'

const USERS = 10_000
const ASKERS = 100

const SITUATIONS = {
  'nobody asks': { askers: 0 },
  'spread over the second': { askers: ASKERS, together: false },
  'all at one moment': { askers: ASKERS, together: true }
}

export const stats = {
  name: 'stats',
  title: 'Statistics with 10,000 users',
  inQuick: false,

  async measure (bench) {
    const ms = bench.quick ? 5_000 : 10_000
    return await bench.alternate({ rounds: bench.quick ? 1 : 2, only: ['herald'], server: { preload: 'probe.js' } }, async ({ server, load }) => {
      await load.call('open', { count: USERS })
      await bench.settle(2_000)
      const cases = {}
      for (const [situation, options] of Object.entries(SITUATIONS)) {
        await server.ask('reset')
        const { p99, max, answers } = await load.call('askStats', { ms, ...options })
        const delay = await server.ask('read')
        cases[situation] = { delayP99: delay.p99, delayMax: delay.max, pongP99: p99, pongMax: max, answers }
      }
      return cases
    })
  },

  report ({ herald }) {
    if (herald?.failed !== undefined || herald === undefined) return table(['', ''], rowsOf({ herald: herald ?? { failed: 'not measured' } }, () => []))
    return [
      `Herald, asked for \`GET stats\` once a second, and by ${ASKERS} sockets for \`get_stats\` once a second each, with a thousand names in each answer. Milliseconds: how late its event loop turns (monitorEventLoopDelay every 1 ms, which is part of it), and how long one more socket waits for a pong:`,
      table(['', 'loop p99', 'loop at most', 'pong p99', 'pong at most', 'answers'], Object.entries(herald).map(([situation, measured]) => [
        situation,
        ...['delayP99', 'delayMax', 'pongP99', 'pongMax'].map((part) => shown(measured[part])),
        shown(measured.answers, 0)
      ]))
    ].join('\n\n')
  }
}
