import { readFileSync } from 'node:fs'
import { isOf, postToAll, sizes } from './requests.js'
import { until } from './turns.js'

const PATIENCE_MS = 20_000

/**
 * Broadcasts for `ms` milliseconds: `perTurn` at once, and the next when all of them have been answered and have arrived.
 * Returns how many frames arrived, how many bytes each had, and how many bursts there were.
 */
export async function broadcast (pool, { ms, perTurn }) {
  const connections = await pool.http(perTurn)
  const request = postToAll(pool, sizes.usual)
  const bytesBefore = pool.bytes
  const started = performance.now()
  let bursts = 0
  while (performance.now() - started < ms) {
    await burst(pool, connections, request)
    bursts++
  }
  const deliveries = bursts * perTurn * pool.sockets.length
  return { deliveries, bursts, bytesPerDelivery: (pool.bytes - bytesBefore) / deliveries }
}

async function burst (pool, connections, request) {
  let frames = pool.sockets.length * connections.length
  let answers = connections.length
  let failure
  pool.onText = (_socket, length) => { if (isOf(sizes.usual, length)) frames-- }

  inOneTurn(pool.pid, connections.length, () => {
    for (const connection of connections) {
      connection.send(request, (error) => {
        answers--
        failure ??= error
      })
    }
  })
  const done = await until(() => failure !== undefined || (frames <= 0 && answers === 0), PATIENCE_MS)
  if (failure !== undefined) throw failure
  if (!done) throw new Error(`${frames} frames and ${answers} answers of a broadcast did not arrive; ${pool.lost} sockets were lost`)
  if (frames < 0) throw new Error(`${-frames} frames too many arrived`)
}

/**
 * The server sees all that `write` writes in one turn of its event loop: it is halted meanwhile.
 * Without that it would begin with the first, and how many it finds after it would be chance.
 * The signal is sent before it is obeyed, hence the wait.
 */
function inOneTurn (pid, count, write) {
  if (count === 1) {
    write()
    return
  }
  process.kill(pid, 'SIGSTOP')
  try {
    while (!isHalted(pid));
    write()
  } finally {
    process.kill(pid, 'SIGCONT')
  }
}

/** Whether the thread with the event loop is stopped (proc(5)). */
function isHalted (pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return stat[stat.lastIndexOf(')') + 2] === 'T'
}
