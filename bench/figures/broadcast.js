import { measurePerDelivery, openAndWarmUp } from '../measure/per-delivery.js'
import { ratio, rowsOf, shown, table } from '../report/tables.js'
import { FLOOR } from '../subjects.js'

const SOCKETS = 1_000
const PER_TURN = [1, 10]
const PEERS = 'By hand is what many write: for each socket the notification is made text anew. FastAPI is the connection manager of its guide, which sends all the same text.'

export const broadcast = {
  name: 'broadcast',
  title: 'A broadcast to 1,000 sockets',
  inQuick: true,

  async measure (bench) {
    const ms = bench.quick ? 500 : 1_000
    return await bench.interleave({ rounds: bench.quick ? 1 : 4, turns: bench.quick ? 3 : 8 }, {
      prepare: async (run) => { await openAndWarmUp(run, { count: SOCKETS, ms: bench.quick ? 1_000 : 3_000 }) },
      measure: async (run) => {
        const cases = {}
        for (const perTurn of PER_TURN) cases[perTurn] = await measurePerDelivery(run, { perTurn, ms })
        return cases
      }
    })
  },

  report (results) {
    const { [FLOOR]: floor, 'socket-io': socketIo } = results
    return [PEERS, ...PER_TURN.map((perTurn) => [
      `CPU of the server per delivered message, in µs, ${perTurn === 1 ? 'one message' : `${perTurn} messages`} per turn of its event loop:`,
      table(
        ['', 'user', 'system', 'total', 'times the floor', 'times Socket.IO', 'bytes'],
        rowsOf(results, ({ [perTurn]: { user, system, total, bytes } }) => [
          shown(user, 2), shown(system, 2), shown(total, 2),
          ratio(total, floor?.[perTurn]?.total), ratio(total, socketIo?.[perTurn]?.total), String(Math.round(bytes.median))
        ])
      )
    ].join('\n\n'))].join('\n\n')
  }
}
