import { once } from 'node:events'
import { get } from 'node:http'
import t from 'tap'
import { errors } from '../../src/errors.js'
import { addressOf, ALL_SCOPES, build } from '../support/app.js'
import { connect, refusal } from '../support/client.js'
import { textFrame } from '../support/client-frames.js'
import { connectRaw } from '../support/raw-client.js'
import { sign } from '../support/token.js'
import { until } from '../support/wait.js'

t.test('the first frame tells how things stand', async (t) => {
  const service = await build(t)

  const client = await connect(t, addressOf(service, 'ada'))

  const { type, data } = await client.next()
  t.equal(type, 'connection_status')
  t.match(data, { status: 'connected', user_id: 'ada', total_connections: 1, resume: 'none', replayed: 0 })
  t.match(data['connection_id'], /^\w+-1$/)
  t.match(data['last_event_id'], /^\w+-0$/)
  t.equal(new Date(String(data['timestamp'])).toISOString(), data['timestamp'])
})

t.test('who is refused is told that the connection ends', async (t) => {
  const service = await build(t)

  t.match(await refusal(service.ws + '/ada'), { status: 401, headers: { connection: 'close' } })
  t.match(await refusal(addressOf(service, 'ada'), { protocolVersion: 8 }), { status: 426, headers: { connection: 'upgrade, close' } })
})

t.test('frames that were sent with the handshake are answered after the first frame', async (t) => {
  const service = await build(t)
  const client = await connect(t, addressOf(service, 'ada'))
  client.send({ type: 'ping', id: 1 })
  client.send({ type: 'ping', id: 'two' })
  client.send({ type: 'ping' })

  t.match((await client.next()).type, 'connection_status')
  t.match(await client.next(), { type: 'pong', id: 1 })
  t.match(await client.next(), { type: 'pong', id: 'two' })
  const last = await client.next()
  t.equal(last.type, 'pong')
  t.notOk('id' in last)
})

t.test('get_stats counts all sockets and those of the user', async (t) => {
  const service = await build(t, { ALLOW_ANONYMOUS: true })
  const first = await connect(t, addressOf(service, 'ada', 'stats:read'))
  await connect(t, addressOf(service, 'ada'))
  const plain = await connect(t, addressOf(service, 'ben'))
  const anonymous = await connect(t, service.ws)

  first.send({ type: 'get_stats' })
  plain.send({ type: 'get_stats' })
  anonymous.send({ type: 'get_stats' })

  t.strictSame((await first.nextOf('stats')).data, { total_connections: 4, user_connections: 2, connected_users: ['ada', 'ben'] })
  t.strictSame((await plain.nextOf('stats')).data, { total_connections: 4, user_connections: 1, connected_users: [] }, 'names need the scope')
  t.strictSame((await anonymous.nextOf('stats')).data, { total_connections: 4, user_connections: 1, connected_users: [] })
})

t.test('between two messages that came together everything else gets a turn', async (t) => {
  const COUNT = 20
  const service = await build(t)
  const { connections } = service.app
  const { sendStats } = connections
  let turn = 0
  let immediate = setImmediate(function next () {
    turn++
    immediate = setImmediate(next)
  })
  t.teardown(() => { clearImmediate(immediate) })
  const answeredIn: number[] = []
  connections.sendStats = (...args) => {
    answeredIn.push(turn)
    sendStats.apply(connections, args)
  }

  const socket = await connectRaw(t, addressOf(service, 'ada'))
  socket.write(Buffer.concat(Array<Buffer>(COUNT).fill(textFrame({ type: 'get_stats' }))))

  await until(() => answeredIn.length === COUNT, 5_000)
  t.equal(new Set(answeredIn).size, COUNT)
})

t.test('disconnect closes with 1000', async (t) => {
  const service = await build(t)
  const client = await connect(t, addressOf(service, 'ada'))

  client.send({ type: 'disconnect' })

  t.match(await client.closed, { code: 1000 })
  t.equal(service.app.connections.getTotalConnectionsCount(), 0)
})

t.test('user ids', async (t) => {
  const service = await build(t)
  const names = ['stats', 'test', 'notify', 'broadcast', 'auth0|abc', 'ann@example.com', 'two words', 'a/b', 'Алёна', '用户', 'x'.repeat(128), '😀'.repeat(128), '%', '{}', '__proto__']

  for (const name of names) {
    const client = await connect(t, addressOf(service, name))
    t.equal((await client.next()).data['user_id'], name)

    const outcome = (await service.post(`/notify/${encodeURIComponent(name)}`, { notification_type: 'info', message: {} })).body
    t.match(outcome, { user_id: name, online: true, connections: 1 })
    t.match(await client.next(), { type: 'notification', id: outcome.id })
  }

  for (const name of ['x'.repeat(129), 'x'.repeat(5000), '😀'.repeat(129), 'a\nb', '\u0000', '\u009f']) {
    const { status, problem } = await refusal(addressOf(service, name))
    t.equal(status, 400)
    t.match(problem, { code: 'invalid_request', field: 'user_id' })
  }
  t.match(await refusal(`${service.ws}/%ff`), { status: 400, problem: { code: 'invalid_url' } })
})

t.test('a plain GET says what an upgrade would be refused with, else 426', async (t) => {
  const service = await build(t)
  const ask = async (path: string, headers = {}) => await fetch(`${service.http}${path}`, { headers })

  t.equal((await ask('/ada')).status, 401)
  t.equal((await ask('/ada', { authorization: `Bearer ${sign({ sub: 'ben' })}` })).status, 403)
  const right = await ask('/ada', { authorization: `Bearer ${sign({ sub: 'ada' })}` })
  t.equal(right.status, 426)
  t.equal(right.headers.get('upgrade'), 'websocket')
  t.match(await right.json(), { code: 'upgrade_required', status: 426 })
})

t.test('a plain GET at a name of REST is for REST', async (t) => {
  const service = await build(t, { TEST_PAGE: false })

  t.equal((await fetch(`${service.http}/stats`)).status, 401)
  for (const name of ['notify', 'broadcast', 'test']) t.equal((await fetch(`${service.http}/${name}`)).status, 404)
})

t.test('a token may come as header, subprotocol or query', async (t) => {
  const service = await build(t)
  const token = sign({ sub: 'ada' })

  await connect(t, `${service.ws}/ada`, { headers: { authorization: `Bearer ${token}` } })
  const client = await connect(t, `${service.ws}/ada`, { protocols: [`bearer.${token}`, 'herald.v1'] })
  t.equal(client.socket.protocol, 'herald.v1', 'the token is not sent back')
  await connect(t, `${service.ws}/ada?token=${token}`)

  t.equal(service.app.connections.getUserConnectionsCount('ada'), 3)
})

t.test('a request that names the protocol and asks for no upgrade is for REST', async (t) => {
  const { port } = await build(t)

  for (const connection of ['close', 'no-upgrade, close']) {
    const [answer] = await once(get({ port, host: '127.0.0.1', path: '/api/v1/ws/stats', headers: { authorization: `Bearer ${sign({ scope: ALL_SCOPES })}`, upgrade: 'websocket', connection } }), 'response')
    t.match(await new Response(answer).json(), { total_connections: 0 })
  }
})

t.test('an error of the service closes its socket with 1011 and is in the log, and nobody else notices', async (t) => {
  const lines: string[] = []
  const service = await build(t, {}, { write: (line) => { lines.push(line) } })
  const client = await connect(t, addressOf(service, 'ada'))
  const other = await connect(t, addressOf(service, 'ben'))
  service.app.connections.sendStats = () => { throw new Error('of the service') }

  client.send({ type: 'get_stats' })

  t.strictSame(await client.closed, { code: 1011, reason: errors.internal_error.text })
  const logged = lines.map((line) => JSON.parse(line)).filter(({ level }) => level >= 50)
  t.match(logged, [{ msg: 'failed', user_id: 'ada', connection_id: /-1$/, err: { message: 'of the service' } }])
  t.equal(logged.length, 1)
  other.send({ type: 'ping' })
  t.match(await other.nextOf('pong'), { type: 'pong' })
})
