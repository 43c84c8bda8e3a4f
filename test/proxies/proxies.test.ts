import t from 'tap'
import { freePort } from '../../scripts/ports.js'
import { addressOf, SECRET } from '../support/app.js'
import { type Client, connect } from '../support/client.js'
import { checkNothingLost } from '../support/nothing-lost.js'
import { Poster } from '../support/poster.js'
import { prepareBuild, startServer } from '../support/process.js'
import { type Proxy, type ProxyName, startProxy } from '../support/proxies.js'
import { startRedis } from '../support/redis.js'
import { ResumingClient } from '../support/resuming-client.js'
import { isReady, post } from '../support/rest.js'
import { sign } from '../support/token.js'
import { hasTool } from '../support/tools.js'
import { until } from '../support/wait.js'

process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0' // The certificates are made by the tests.

t.before(prepareBuild)
t.jobs = 3 // They wait, mostly.

const HEARTBEAT_MS = 500
const IDLE_SECONDS = 2
/** The whole of 127.0.0.0/8 is this machine: by this address the client is told from the proxy. */
const CLIENT = '127.0.0.2'

const settings = { JWT_SECRET: SECRET, TRUST_PROXY: '127.0.0.1' }

async function notify (proxy: Proxy, userId: string, number: number): Promise<void> {
  const { status, body } = await post(proxy, `/notify/${userId}`, { notification_type: 'info', message: { number } })
  if (status !== 200) throw new Error(`${status}: ${JSON.stringify(body)}`)
}

const numbersOf = (client: Client) => client.frames.filter(({ type }) => type === 'notification').map(({ data }) => data['number'])

for (const name of ['nginx', 'haproxy', 'caddy'] as ProxyName[]) {
  t.test(`behind ${name}, configured as documented: connect, notify, resume, idle, and no token in a log`, { buffered: true }, async (t) => {
    if (!hasTool(t, name)) return
    const server = await startServer(t, { ...settings, HEARTBEAT_INTERVAL_MS: String(HEARTBEAT_MS) })
    const proxy = await startProxy(t, name, server.port, { idleSeconds: IDLE_SECONDS })
    const client = await connect(t, addressOf(proxy, 'ada'), { localAddress: CLIENT, headers: { 'x-forwarded-for': '6.6.6.6' }, origin: new URL(proxy.http).origin })
    const carrier = await connect(t, `${proxy.ws}/ada`, { protocols: ['herald.v1', `bearer.${sign({ sub: 'ada' })}`] })
    t.equal(carrier.socket.protocol, 'herald.v1')
    t.match(await client.next(), { type: 'connection_status', data: { user_id: 'ada' } })
    const connected = await server.stdout.match(/.*"msg":"connected".*/)
    t.match(JSON.parse(connected[0]), { ip: CLIENT }, 'not the address of the proxy, nor the one that the client claims')

    await notify(proxy, 'ada', 1)
    const { id } = await client.nextOf('notification')
    for (const started = Date.now(); Date.now() - started < 2 * IDLE_SECONDS * 1000;) t.match(await client.nextOf('heartbeat'), { type: 'heartbeat' })
    client.socket.terminate()
    await notify(proxy, 'ada', 2)
    const again = await connect(t, `${addressOf(proxy, 'ada')}&last_event_id=${id}`)

    t.match(await again.next(), { data: { resume: 'caught_up', replayed: 1 } })
    t.match(await again.nextOf('notification'), { data: { number: 2 } })
    t.strictSame(numbersOf(carrier), [1, 2])
    for (const { socket, closed } of [again, carrier]) {
      socket.close()
      await closed
    }
    await until(() => proxy.log().includes('/api/v1/ws/ada'), 10_000)
    t.notMatch(proxy.log() + server.stdout.text, sign({ sub: 'ada' }).slice(0, 30))
  })
}

for (const name of ['nginx', 'haproxy'] as ProxyName[]) {
  t.test(`without heartbeats ${name} cuts an idle socket when its time-out is over`, { buffered: true }, async (t) => {
    if (!hasTool(t, name)) return
    const server = await startServer(t, { ...settings, HEARTBEAT_INTERVAL_MS: '0' })
    const proxy = await startProxy(t, name, server.port, { idleSeconds: 1 })

    const client = await connect(t, addressOf(proxy, 'ada'))

    t.match(await client.closed, { code: 1006 })
  })
}

t.test('a reload of nginx cuts nobody before its time, and who is cut then resumes with nothing lost', { buffered: true }, async (t) => {
  if (!hasTool(t, 'nginx')) return
  const server = await startServer(t, { ...settings, WS_AUTH: 'optional', ALLOW_ANONYMOUS: 'true', HEARTBEAT_INTERVAL_MS: String(HEARTBEAT_MS) })
  const proxy = await startProxy(t, 'nginx', server.port, { idleSeconds: IDLE_SECONDS })
  const users = ['ada', 'ben']
  const clients = [...users, null].map((userId) => new ResumingClient(userId, () => `${proxy.ws}${userId === null ? '' : `/${userId}`}`))
  const poster = new Poster({ name: 'poster', users, address: () => server.http, insists: false })
  t.teardown(() => { for (const one of [poster, ...clients]) one.stop() })
  await Promise.all(clients.map(async (client) => { await client.start() }))
  const watcher = await connect(t, addressOf(proxy, 'ada'))
  const posting = poster.run()

  proxy.reload()
  for (let i = 0; i < 3; i++) t.match(await watcher.nextOf('heartbeat'), { type: 'heartbeat' }, 'a socket of the old worker goes on')
  t.match(await watcher.closed, { code: 1006 }, 'until worker_shutdown_timeout')
  await until(() => clients.every(({ resumes }) => resumes > 0), 10_000)
  poster.stop()
  await posting
  t.strictSame(await checkNothingLost(clients, poster.answered, 10_000), [])
  t.ok(poster.answered.length > 20, `${poster.answered.length} answered`)
})

t.test('behind nginx a restart of one node after the other answers everybody', { buffered: true }, async (t) => {
  if (!hasTool(t, 'nginx') || !hasTool(t, 'redis')) return
  const { url } = await startRedis(t)
  const ports = [await freePort(), await freePort()] as const
  const startNode = async (port: number) => {
    const node = await startServer(t, { ...settings, PORT: String(port), BROKER_URL: url, DRAIN_SECONDS: '2' })
    await until(() => isReady(node), 10_000)
    return node
  }
  const nodes = [await startNode(ports[0]), await startNode(ports[1])]
  const proxy = await startProxy(t, 'nginx', ports[0], { other: ports[1], idleSeconds: 10 })
  const problems: unknown[] = []
  const end = new AbortController()
  t.teardown(() => { end.abort() })
  let asked = 0
  const asking = (async () => {
    for (; !end.signal.aborted; asked++) {
      await notify(proxy, 'ada', asked).catch((error: unknown) => { problems.push(error) })
      const client = await connect(t, addressOf(proxy, `user${asked}`)).catch((error: unknown) => { problems.push(error) })
      if (asked % 10 !== 0) client?.socket.terminate() // Some stay, and are sent to the other node.
    }
  })()

  for (const node of nodes) {
    node.kill('SIGTERM')
    t.strictSame(await node.exited, { code: 0, signal: null })
    await startNode(node.port)
  }
  end.abort()
  await asking

  t.strictSame(problems, [])
  t.ok(asked > 50, `${asked} asked`)
})
