import { setTimeout as sleep } from 'node:timers/promises'
import { SECRET } from './app.js'
import { sumOf, type Tally, tally } from './nothing-lost.js'
import { freePort } from '../../scripts/ports.js'
import { Poster } from './poster.js'
import { startServer, withOwner } from './process.js'
import { cutAtRandom, resumingClients } from './resuming-client.js'
import { until } from './wait.js'

const USERS = Array.from({ length: 10 }, (_, i) => `user${i}`)
const CLIENTS = 50
const POSTERS = 4
const CUT_EVERY_MS = 50
/** Between two kills. */
const MIN_ANSWERED = 25

export interface KillResult extends Tally {
  kills: number
}

/**
 * A real server on a folder, clients that come back, and posters that do not rest, while the server is killed and started again
 * `kills` times and clients are cut at random.
 */
export async function killAgainAndAgain ({ kills, folder, onKill = () => {} }: { kills: number, folder: string, onKill?: (kill: number) => void }): Promise<KillResult> {
  const port = await freePort()
  const base = `127.0.0.1:${port}/api/v1/ws`
  const clients = resumingClients({ count: CLIENTS, users: USERS, anonymousEvery: 5, ws: `ws://${base}` })
  const posters = Array.from({ length: POSTERS }, (_, i) =>
    new Poster({ name: `poster${i}`, users: USERS, address: () => `http://${base}`, insists: i % 2 === 0 }))
  const countAnswered = () => sumOf(posters, ({ answered }) => answered.length)
  return await withOwner(async (owner) => {
    const start = async () => await startServer(owner, {
      PORT: String(port),
      BROKER_URL: `file:${folder}`,
      JWT_SECRET: SECRET,
      WS_AUTH: 'optional',
      ALLOW_ANONYMOUS: 'true',
      RETENTION_PER_USER: '0',
      RETENTION_BROADCAST: '0'
    })
    let server = await start()
    for (const one of [...posters, ...clients]) owner.teardown(() => { one.stop() })
    await Promise.all(clients.map(async (client) => { await client.start() }))
    const stopCutting = cutAtRandom(owner, clients, CUT_EVERY_MS)
    const running = posters.map(async (poster) => { await poster.run() })
    for (let kill = 1; kill <= kills; kill++) {
      const before = countAnswered()
      await until(() => countAnswered() >= before + MIN_ANSWERED, 20_000)
      await sleep(Math.random() * 1000)
      server.kill('SIGKILL')
      await server.exited
      server = await start()
      onKill(kill)
    }
    await sleep(500)
    for (const poster of posters) poster.stop()
    await Promise.all(running)
    stopCutting()
    return { kills, ...await tally(clients, posters, 20_000) }
  })
}
