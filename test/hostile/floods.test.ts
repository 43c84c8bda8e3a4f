import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { addressOf, SECRET } from '../support/app.js'
import { type AttackName, attacks, expectedAnswers, openSlowReader } from '../support/attacks.js'
import { clientFrame, opcodes, textFrame } from '../support/client-frames.js'
import { type Environment, prepareBuild, type Server, startServer } from '../support/process.js'
import { connectRaw } from '../support/raw-client.js'
import { post, stats } from '../support/rest.js'
import { until } from '../support/wait.js'
import { Witness } from '../support/witness.js'

t.before(prepareBuild)

const MB = 1024

/** Resident memory, now and at most, in KB (proc(5)). */
function memoryOf ({ pid }: Server) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const read = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1])
  return { now: read('VmRSS'), most: read('VmHWM') }
}

/** Attacks a server of its own; an ordinary client beside it is to be served in time, and the memory is not to notice. */
async function attack (t: Test, { env = {}, growth }: { env?: Environment, growth: number }, work: (server: Server) => Promise<void>): Promise<void> {
  const server = await startServer(t, { JWT_SECRET: SECRET, MAX_CONNECTIONS_PER_USER: '0', ...env })
  const witness = new Witness(server)
  t.teardown(() => witness.stop())
  await until(() => witness.waits.length >= 10, 20_000)
  const before = memoryOf(server).now

  await work(server)

  t.strictSame(await witness.stop(), [], 'the ordinary client is served')
  const grown = memoryOf(server).most - before
  t.ok(grown < growth, `the memory has grown by ${Math.round(grown / MB)} MB at most`)
  t.comment(`${witness.waits.length} waits of the ordinary client, at most ${Math.round(witness.slowest)} ms; ${Math.round(grown / MB)} MB more`)
  await until(async () => (await stats(server)).total_connections === 0, 10_000)
}

t.test('floods of every kind are ended with their code, or refused with their status', async (t) => {
  await attack(t, { growth: 60 * MB }, async (server) => {
    for (const [name, make] of Object.entries(attacks)) {
      const answers = new Set(await Promise.all(Array.from({ length: 4 }, () => make(t, server))))
      answers.delete('cut')
      t.strictSame([...answers], [expectedAnswers[name as AttackName]], name)
    }
  })
})

t.test('1,000 upgrades a second from one address, refused ones and accepted ones', async (t) => {
  const PER_SECOND = 1000
  const atPace = async (make: () => Promise<unknown>) => {
    const started = performance.now()
    const running: Array<Promise<unknown>> = []
    while (running.length < PER_SECOND) {
      while (running.length < (performance.now() - started) / 1000 * PER_SECOND) running.push(make())
      await sleep(5)
    }
    return await Promise.all(running)
  }

  await attack(t, { growth: 80 * MB }, async (server) => {
    t.strictSame([...new Set(await atPace(async () => await attacks.badToken(t, server)))], [401])

    await atPace(async () => { (await connectRaw(t, addressOf(server, 'mallory'))).destroy() })
  })
})

t.test('pings whose pongs nobody reads are bounded by MAX_BUFFERED_BYTES, where the rate is not', async (t) => {
  await attack(t, { env: { MESSAGE_RATE: '0' }, growth: 60 * MB }, async (server) => {
    const pings = Buffer.concat(Array<Buffer>(5000).fill(clientFrame(opcodes.ping, Buffer.alloc(125))))
    const flood = async () => {
      const socket = await connectRaw(t, addressOf(server, 'mallory'))
      socket.pause()
      while (!socket.destroyed) {
        socket.write(pings)
        await sleep(5)
      }
    }

    await Promise.all([flood(), flood(), flood()])

    await until(() => slowOnes(server) >= 3, 20_000)
    t.equal(slowOnes(server), 3)
  })
})

t.test('answers with a thousand names that nobody reads are bounded, too', async (t) => {
  const users = Array.from({ length: 1000 }, (_, i) => `${i}-${'x'.repeat(100)}`)
  const ATTACKERS = 50

  await attack(t, { env: { MESSAGE_RATE: '0' }, growth: 80 * MB }, async (server) => {
    const others = await Promise.all(users.map(async (user) => await connectRaw(t, addressOf(server, user))))
    const questions = Buffer.concat(Array<Buffer>(200).fill(textFrame({ type: 'get_stats' }))) // 20 MB of answers: more than the kernel keeps for a socket.
    await Promise.all(Array.from({ length: ATTACKERS }, async () => {
      const socket = await connectRaw(t, addressOf(server, 'mallory', 'stats:read'))
      socket.pause()
      socket.write(questions)
    }))

    await until(() => slowOnes(server) === ATTACKERS, 20_000)
    for (const socket of others) socket.destroy()
  })
})

t.test('a reader of one byte a second is ended when too much waits for him', async (t) => {
  await attack(t, { growth: 60 * MB }, async (server) => {
    await openSlowReader(t, server, 'mallory')
    const body = { notification_type: 'info', message: { text: 'x'.repeat(60_000) } }

    while (slowOnes(server) === 0) t.equal((await post(server, '/notify/mallory', body)).status, 200)
  })
})

/** How many were ended because they did not read. */
const slowOnes = ({ stdout }: Server): number => stdout.all.filter((line) => line.includes('"code":4001')).length
