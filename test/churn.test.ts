import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { addressOf, SECRET } from './support/app.js'
import { refusal } from './support/client.js'
import type { Report } from './support/measured-service.js'
import { connectRaw } from './support/raw-client.js'
import { sign } from './support/token.js'

const CYCLES = 5000
const WARM_UP = 1000
const PARALLEL = 50
const SILENCE_MS = 400

type State = Extract<Report, { heapBytes: number }>

/** A service whose log and state can be read, in a process where no client lives. */
async function startMeasured (t: Test) {
  const child = fork(join(import.meta.dirname, 'support/measured-service.ts'), {
    // Optimized code is on the heap too, and comes and goes by V8's own counting: without it what is left is what is held.
    execArgv: ['--expose-gc', '--no-opt', '--import=tsx'],
    env: {
      PATH: process.env['PATH'],
      BROKER_URL: 'memory:',
      JWT_SECRET: SECRET,
      HEARTBEAT_INTERVAL_MS: String(SILENCE_MS / 2),
      HEARTBEAT_TIMEOUT_MS: String(SILENCE_MS / 2)
    },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc']
  })
  t.teardown(async () => {
    child.kill()
    await once(child, 'exit')
  })
  const waiting = new Map<string, (code: number) => void>()
  const logged = { connected: 0, disconnected: 0 }
  if (child.stdout === null) throw new Error('no output')
  createInterface(child.stdout).on('line', (line) => {
    const { msg, user_id: userId, code } = JSON.parse(line)
    if (msg === 'connected') logged.connected++
    if (msg !== 'disconnected') return
    logged.disconnected++
    waiting.get(userId)?.(code)
    waiting.delete(userId)
  })
  const [{ port }] = await once(child, 'message') as [Extract<Report, { port: number }>]

  return {
    t,
    port,
    ws: `ws://127.0.0.1:${port}/api/v1/ws`,
    logged,
    /** The code that the connection of a user ends with, by the log. */
    ended: async (userId: string) => await new Promise<number>((resolve) => { waiting.set(userId, resolve) }),
    state: async (): Promise<State> => {
      child.send('state')
      const [state] = await once(child, 'message')
      return state
    }
  }
}

type Measured = Awaited<ReturnType<typeof startMeasured>>

async function open (service: Measured, userId: string): Promise<WebSocket> {
  const socket = new WebSocket(addressOf(service, userId))
  await once(socket, 'message')
  return socket
}

/** One connection from beginning to end; resolves with the code that the service ends it with. */
const kinds: Record<string, (service: Measured, userId: string) => Promise<number>> = {
  async disconnect (service, userId) {
    const socket = await open(service, userId)
    const closed = once(socket, 'close')
    socket.send('{"type":"disconnect"}')
    const [code] = await closed
    return code
  },

  async close (service, userId) {
    const ended = service.ended(userId)
    const socket = await open(service, userId)
    socket.close(1000)
    return await ended
  },

  async terminate (service, userId) {
    const ended = service.ended(userId)
    const socket = await open(service, userId)
    socket.terminate()
    return await ended
  },

  refusedForItsToken: async (service, userId) => (await refusal(`${service.ws}/${userId}?token=wrong`)).status,

  refusedForItsUser: async (service, userId) => (await refusal(`${service.ws}/${userId}?token=${sign({ sub: 'other' })}`)).status,

  /** Shakes hands, and then neither reads nor answers anything. */
  async silent (service, userId) {
    const ended = service.ended(userId)
    const socket = await connectRaw(service.t, addressOf(service, userId))
    socket.pause()
    const code = await ended
    socket.destroy()
    return code
  }
}

/** Runs cycles of every kind in turn, some tens at a time; returns which codes each kind ended with. */
async function churn (service: Measured, first: number, last: number): Promise<Record<string, number[]>> {
  const names = Object.keys(kinds)
  const codes: Record<string, Set<number>> = {}
  let next = first
  await Promise.all(Array.from({ length: PARALLEL }, async () => {
    while (next < last) {
      const number = next++
      const kind = names[number % names.length] ?? ''
      const code = await kinds[kind]?.(service, `user-${number % PARALLEL}-${number}`)
      if (code !== undefined) (codes[kind] ??= new Set()).add(code)
    }
  }))
  return Object.fromEntries(Object.entries(codes).map(([kind, seen]) => [kind, [...seen]]))
}

/** The state when the last socket is gone, which may be a moment after its client's end. */
async function settled (service: Measured): Promise<State> {
  for (;;) {
    const state = await service.state()
    if (state.sockets === 0) return state
  }
}

t.test('thousands of connections of every kind leave nothing behind', async (t) => {
  const service = await startMeasured(t)
  await churn(service, 0, WARM_UP)
  const before = await settled(service)

  const codes = await churn(service, WARM_UP, CYCLES)

  const after = await settled(service)
  t.strictSame(codes, { disconnect: [1000], close: [1000], terminate: [1006], refusedForItsToken: [401], refusedForItsUser: [403], silent: [4002] })
  t.strictSame({ ...after, heapBytes: 0 }, { connections: 0, users: [], sockets: 0, heapBytes: 0 })
  t.equal(service.logged.disconnected, service.logged.connected)
  const growth = after.heapBytes / before.heapBytes - 1
  t.comment(`heap: ${before.heapBytes} bytes after ${WARM_UP}, ${after.heapBytes} after ${CYCLES}`)
  t.ok(growth < 0.05, `the heap has grown by ${(100 * growth).toFixed(1)} %`)
})
