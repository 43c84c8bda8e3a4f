import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { build, type Service } from './support/app.js'
import { connect } from './support/client.js'
import { root, start } from './support/process.js'
import { sign } from './support/token.js'
import { hasTool } from './support/tools.js'
import { until } from './support/wait.js'
import { openWay } from './support/way.js'

const readme = readFileSync(join(root, 'README.md'), 'utf8')
const url = 'ws://127.0.0.1:8000/api/v1/ws/my_user_id'

/** The block of the README that has this in it, with the address of a service of the test. */
function blockWith (language: string, text: string, service: Service): string {
  const block = readme.split('```').find((part) => part.startsWith(`${language}\n`) && part.includes(text))
  if (block === undefined) throw new Error(`the README has no ${language} with ${text}`)
  return block.slice(language.length).replaceAll(url, `${service.ws}/my_user_id`)
}

/** Breaks the connection again and again while 20 notifications are sent, and waits until `shown` has them. */
async function breakWhileSending ({ app }: Service, shown: () => number[]): Promise<void> {
  const { connections, notifications } = app
  await until(() => connections.getTotalConnectionsCount() === 1, 10_000)
  for (let n = 0; n < 20; n++) {
    if (n % 5 === 2) app.websocketServer.emit('break')
    await notifications.sendToUser('my_user_id', { notificationType: 'info', data: { n } })
  }
  await until(() => shown().length >= 20, 30_000)
}

/** Lets a test break all sockets of a service from below. */
function makeBreakable ({ app }: Service): void {
  const sockets = new Set<{ destroy: () => void }>()
  app.server.on('connection', (socket) => { sockets.add(socket) })
  app.websocketServer.on('break', () => { for (const socket of sockets) socket.destroy() })
}

const expected = Array.from({ length: 20 }, (_, n) => n)

/** The JavaScript client of the README, twenty times as impatient, until the test is over; it shows the numbers of what it gets. */
function startClient (t: Test, service: Service, port = service.port): number[] {
  const shown: number[] = []
  let stopped = false
  t.teardown(() => { stopped = true })
  class Socket extends WebSocket {
    constructor (address: string) {
      super(address)
      this.on('error', () => {})
    }
  }
  runInNewContext(blockWith('js', 'last_event_id', service).replaceAll(`:${service.port}/`, `:${port}/`), {
    WebSocket: Socket,
    JSON,
    Math,
    setTimeout: (end: (closed: object) => void, ms: number, closed: object) => setTimeout(() => { if (!stopped) end(closed) }, ms / 20).unref(),
    clearTimeout,
    show: ({ data }: { data: { n: number } }) => { shown.push(data.n) },
    reload: () => { t.fail('there is no gap') }
  })
  return shown
}

t.test('the JavaScript client of the README misses nothing and doubles nothing', async (t) => {
  const service = await build(t, { WS_AUTH: 'optional' })
  makeBreakable(service)
  const shown = startClient(t, service)

  await breakWhileSending(service, () => shown)

  t.strictSame(shown, expected)
})

t.test('it notices that the network has gone silent', async (t) => {
  const service = await build(t, { WS_AUTH: 'optional', HEARTBEAT_INTERVAL_MS: 100, HEARTBEAT_TIMEOUT_MS: 200 })
  const way = await openWay(t, service.port)
  const shown = startClient(t, service, way.port)
  const send = async (n: number) => await service.app.notifications.sendToUser('my_user_id', { notificationType: 'info', data: { n } })
  await until(() => service.app.connections.getTotalConnectionsCount() === 1, 2000)
  await send(1)
  await until(() => shown.length === 1, 2000)

  way.hold()
  await send(2)
  await until(() => shown.length === 2, 8000)

  t.strictSame(shown, [1, 2])
})

t.test('the Python client of the README, too', async (t) => {
  if (!hasTool(t, 'websockets')) return
  const service = await build(t, { WS_AUTH: 'optional' })
  makeBreakable(service)
  const program = `import asyncio, json, random, websockets
random.random = lambda: 0
def show(frame): print(frame['data']['n'], flush=True)
def reload(): print('gap', flush=True)
${blockWith('python', 'last_event_id', service)}
asyncio.run(listen('${service.ws}/my_user_id'))`
  const { stdout } = start(t, '/usr/bin/python3', ['-c', program])

  await breakWhileSending(service, () => stdout.all.map(Number))

  t.strictSame(stdout.all.map(Number), expected)
})

t.test('a client that keeps its token fresh, as in the README, outlives it', async (t) => {
  const service = await build(t, { TOKEN_GRACE_SECONDS: 0 })
  const exp = Math.floor(Date.now() / 1000) + 2
  const makeToken = (seconds: number) => sign({ sub: 'ada', exp: exp + seconds })
  const client = await connect(t, `${service.ws}/ada?token=${makeToken(0)}`)
  const timers: NodeJS.Timeout[] = []
  t.teardown(() => { for (const timer of timers) clearTimeout(timer) })
  let seconds = 0
  const context = {
    WebSocket,
    JSON,
    setTimeout: (...args: Parameters<typeof setTimeout>) => { timers.push(setTimeout(...args)) },
    fetchToken: async () => ({ token: makeToken(++seconds), expiresInMs: 1000 })
  }

  runInNewContext(`${blockWith('js', 'keepFresh', service)}\nkeepFresh`, context)(client.socket)

  while (Date.now() < exp * 1000 + 500) t.match(await client.next(), { type: /^(connection_status|auth)$/ })
  t.equal(client.socket.readyState, WebSocket.OPEN)
})
