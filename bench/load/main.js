// A process of its own that opens sockets, posts, and counts what arrives. `measure/load-process.js` tells it what to do.
import { broadcast } from './broadcast.js'
import { measureNotifyLatency } from './notify-latency.js'
import { attack } from './hostile.js'
import { measurePings } from './pings.js'
import { Pool } from './pool.js'
import { postNotify } from './post-notify.js'
import { measureStalled } from './stalled.js'
import { askStats } from './ask-stats.js'
import { recover } from './recover.js'
import { giveWay, rest, spin } from './turns.js'

let pool

const commands = {
  aim: (server) => { pool = new Pool(server) },
  open: (options) => pool.open(options),
  close: () => { pool.close() },
  lost: () => pool.lost,
  bytes: () => pool.bytes,
  broadcast: (options) => broadcast(pool, options),
  postNotify: (options) => postNotify(pool, options),
  measureNotifyLatency: (options) => measureNotifyLatency(pool, options),
  measureStalled: (options) => measureStalled(pool, options),
  recover: (options) => recover(pool, options),
  askStats: (options) => askStats(pool, options),
  giveWay: () => { giveWay() },
  rest: () => { rest(true) },
  work: () => { rest(false) },
  measurePings: (options) => measurePings(pool, options),
  attack: (options) => attack(pool, options)
}

process.on('message', async ({ id, command, options }) => {
  try {
    process.send({ id, result: await commands[command](options) })
  } catch (error) {
    process.send({ id, error: error.message })
  }
})
process.on('disconnect', () => { process.exit() })

spin()
