import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import jwt from '@fastify/jwt'
import websocket from '@fastify/websocket'
import { type FastifyInstance, fastify, type onRequestAsyncHookHandler } from 'fastify'
import t from 'tap'
import herald from '../src/app.js'
import { addressOf, ALL_SCOPES, SECRET } from './support/app.js'
import { connect, refusal } from './support/client.js'
import { buildHost, listen, OWN_SECRET } from './support/host.js'
import { post } from './support/rest.js'
import { sign } from './support/token.js'

t.test('an application that has the same plugins already can register herald', async (t) => {
  const app = await buildHost(t)
  await app.register(herald, { BROKER_URL: 'memory:', JWT_SECRET: SECRET, TEST_PAGE: true })
  const service = await listen(app)

  const client = await connect(t, addressOf(service, 'ada'))
  await client.next()
  await app.notifications.sendToUser('ada', { notificationType: 'info', data: { title: 'Hello' } })

  t.match(await client.next(), { type: 'notification', data: { title: 'Hello' } })
  const pongs: string[] = []
  client.socket.on('pong', (payload) => { pongs.push(payload.toString()) })
  client.socket.ping('of the client')
  client.send({ type: 'ping' })
  t.match(await client.next(), { type: 'pong' })
  t.strictSame(pongs, ['of the client'], 'a ping is answered once')
  t.equal(app.connections.getUserConnectionsCount('ada'), 1)
  t.equal((await refusal(`${service.ws}/ada?token=${sign({ sub: 'ada' }, OWN_SECRET)}`)).status, 401, 'the key is herald\'s own')
  t.equal((await fetch(`${service.http}/test`)).status, 200)
})

t.test('what is the application\'s own stays so beside herald', async (t) => {
  const app = await buildHost(t)
  await app.register(herald, { BROKER_URL: 'memory:', JWT_SECRET: SECRET })
  const { address, http } = await listen(app)
  const text = async (path: string) => await (await fetch(`${address}${path}`)).text()

  t.equal(await text('/own'), '{"own":true}')
  t.equal(await text('/nowhere'), 'own 404')
  t.equal(await text('/fails'), 'own error')
  t.match(await text('/files/embedding.test.ts'), /import herald/)
  t.match(await (await connect(t, `${address.replace('http', 'ws')}/own-socket`)).next(), { type: 'own' })
  t.match(app.jwt.verify(app.jwt.sign({ sub: 'of the application' })), { sub: 'of the application' })
  const preflight = await fetch(`${address}/own`, { headers: { origin: 'https://own.example' } })
  t.equal(preflight.headers.get('access-control-allow-origin'), 'https://own.example')
  const form = await fetch(`${address}/own-form`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"n":"7","m":1}' })
  t.strictSame(await form.json(), { n: 7, m: 1 }, 'its bodies are coerced as Fastify does')

  const refused = await fetch(`${http}/stats`)
  t.match(await refused.json(), { code: 'token_required', status: 401 }, 'while the problems of herald are its own')
  t.equal(refused.headers.get('cache-control'), 'no-store', 'and its headers too')
})

t.test('an application that has none of the plugins can register herald, and its own routes after it', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(herald, { BROKER_URL: 'memory:', JWT_SECRET: SECRET })
  app.get('/own-socket', { websocket: true }, (socket) => { socket.send('{"type":"own","data":{}}') })
  app.get('/fails', async () => { throw new Error('of the application') })
  const service = await listen(app)

  t.match(await (await connect(t, addressOf(service, 'ada'))).next(), { type: 'connection_status' })
  const own = await connect(t, `${service.address.replace('http', 'ws')}/own-socket`)
  t.match(await own.next(), { type: 'own' })
  own.socket.ping('of the client')
  t.same((await once(own.socket, 'pong'))[0].toString(), 'of the client')
  t.match(await (await fetch(`${service.address}/fails`)).json(), { statusCode: 500, message: 'of the application' })
  t.match(await (await fetch(`${service.address}/nowhere`)).json(), { statusCode: 404, error: 'Not Found' })
})

t.test('a stop of the application closes the sockets of herald with 1001', async (t) => {
  const app = await buildHost(t)
  await app.register(herald, { BROKER_URL: 'memory:', JWT_SECRET: SECRET })
  const client = await connect(t, addressOf(await listen(app), 'ada'))

  await app.close()

  t.match(await client.closed, { code: 1001 })
})

t.test('two of them under two prefixes of one application share nothing', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(websocket)
  const parts: FastifyInstance[] = []
  const secrets = ['the secret of the one, 32 bytes or more', 'the secret of the two, 32 bytes or more']
  for (const [index, secret] of secrets.entries()) {
    await app.register(async (part) => {
      await part.register(herald, { BROKER_URL: 'memory:', JWT_SECRET: secret })
      parts.push(part)
    }, { prefix: `/part-${index}` })
  }
  const { address } = await listen(app)
  const bases = secrets.map((_secret, index) => `${address}/part-${index}/api/v1/ws`)
  const socketOf = (index: number, key: number) => `${bases[index]?.replace('http', 'ws')}/ada?token=${sign({ sub: 'ada' }, secrets[key])}`
  const statsOf = async (index: number, key: number) => await fetch(`${bases[index]}/stats`, {
    headers: { authorization: `Bearer ${sign({ sub: 'service', scope: ALL_SCOPES }, secrets[key])}` }
  })

  const clients = await Promise.all([connect(t, socketOf(0, 0)), connect(t, socketOf(1, 1)), connect(t, socketOf(1, 1))])
  for (const client of clients) await client.next()
  await parts[0]?.notifications.broadcast({ notificationType: 'of the first', data: {} })
  await parts[1]?.notifications.sendToUser('ada', { notificationType: 'of the second', data: {} })

  t.strictSame(await Promise.all(clients.map(async (client) => (await client.next()).notification_type)), ['of the first', 'of the second', 'of the second'])
  t.strictSame(parts.map(({ connections }) => connections.getUserConnectionsCount('ada')), [1, 2])
  t.match(await (await statsOf(0, 0)).json(), { total_connections: 1 })
  t.match(await (await statsOf(1, 1)).json(), { total_connections: 2 })
  for (const [index, key] of [[0, 1], [1, 0]] as const) {
    t.equal((await statsOf(index, key)).status, 401)
    t.equal((await refusal(socketOf(index, key))).status, 401)
  }
})

t.test('a token is not in the log of the application, wherever it was sent', async (t) => {
  const lines: string[] = []
  const app = fastify({ logger: { level: 'trace', stream: { write: (line: string) => { lines.push(line) } } } })
  t.teardown(() => app.close())
  await app.register(herald, { BROKER_URL: 'memory:', JWT_SECRET: SECRET, TEST_PAGE: true })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const token = sign({ sub: 'ada' })

  for (const method of ['GET', 'POST', 'DELETE']) {
    for (const path of ['', '/ada', '/ada/x', '/stats', '/test', '/test/app.js', '/notify', '/notify/ada', '/broadcast']) {
      await (await fetch(`${app.listeningOrigin}/api/v1/ws${path}?token=${token}`, { method })).arrayBuffer()
    }
  }
  await connect(t, `${app.listeningOrigin.replace('http', 'ws')}/api/v1/ws/ada?token=${token}`)

  t.match(lines.join(), 'incoming request')
  t.strictSame(lines.filter((line) => line.includes(token)), [])
})

t.test('what a hook of the application refuses is answered as the application does it', async (t) => {
  for (const [hook, status] of [
    [() => { throw Object.assign(new Error('slow down'), { statusCode: 429 }) }, 429],
    [(_request, reply) => { throw new Error(`not you: ${reply.code(403).statusCode}`) }, 403],
    [async (request) => { await request.jwtVerify() }, 401],
    [() => { throw Object.assign(new Error('slow down'), { status: 418 }) }, 418],
    [() => { throw new Error('of the application') }, 500]
  ] as Array<[onRequestAsyncHookHandler, number]>) {
    const app = fastify()
    t.teardown(() => app.close())
    await app.register(jwt, { secret: OWN_SECRET })
    app.addHook('onRequest', hook)
    await app.register(herald, { BROKER_URL: 'memory:', JWT_SECRET: SECRET })
    const { ws } = await listen(app)

    const answer = await app.inject('/api/v1/ws/stats')
    t.equal(answer.statusCode, status)
    t.notMatch(answer.headers['content-type'], 'problem')
    t.equal((await refusal(`${ws}/ada`)).status, status)
  }
})

t.test('names and compilers of the application are its own', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  for (const name of ['access', 'broker', 'keySet', 'metrics', 'checkOrigin']) app.decorate(name, name)
  for (const name of ['identity', 'claim', 'user', 'jwtVerify']) app.decorateRequest(name, '')
  app.setSerializerCompiler(() => () => { throw new Error('a schema of another kind') })
  app.setValidatorCompiler(() => () => { throw new Error('a schema of another kind') })
  await app.register(herald, { BROKER_URL: 'memory:', JWT_SECRET: SECRET })
  const service = await listen(app)
  const client = await connect(t, addressOf(service, 'ada'))
  await client.next()

  const answer = await post(service, '/notify/ada', { notification_type: 'info', message: {} })

  t.equal(answer.status, 200)
  t.match(answer.body, { user_id: 'ada', connections: 1 })
  t.match(await client.next(), { type: 'notification' })
})

t.test('an error of publishing that the application does not catch has its status', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(herald, { BROKER_URL: 'memory:', JWT_SECRET: SECRET })
  app.post('/tell/:user', async ({ params }) => await app.notifications.sendToUser((params as { user: string }).user, { notificationType: 'info', data: {} }))

  const answer = await app.inject({ method: 'POST', url: '/tell/%07' })

  t.match(answer, { statusCode: 400 })
  t.match(answer.json(), { statusCode: 400, code: 'invalid_request', message: /user_?id/i })
})

t.test('who publishes after the stop is told that nothing is kept', async (t) => {
  for (const url of ['memory:', `file:${t.testdir()}`]) {
    const app = fastify()
    const late: unknown[] = []
    app.addHook('onClose', async () => {
      for (const options of [{}, { idempotencyKey: 'once' }]) {
        await app.notifications.sendToUser('ada', { notificationType: 'info', data: {} }, options).catch((error: unknown) => { late.push(error) })
      }
    })
    await app.register(herald, { BROKER_URL: url, JWT_SECRET: SECRET })
    await app.ready()

    await app.close()

    t.match(late, [{ code: 'journal_unavailable' }, { code: 'journal_unavailable' }], url)
  }
})

t.test('a stop is over before the time that the application gives its hooks, after which it would be broken off', async (t) => {
  const app = fastify({ pluginTimeout: 500 })
  await app.register(herald, { BROKER_URL: 'memory:', JWT_SECRET: SECRET, WS_AUTH: 'optional', DRAIN_SECONDS: 2 })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const clients = await Promise.all(['ada', 'ben'].map(async (user) => await connect(t, `ws://127.0.0.1:${port}/api/v1/ws/${user}`)))

  await app.close()

  for (const { closed } of clients) t.equal((await closed).code, 1001)
})

t.test('an option that is no setting is refused, a prefix stands before the addresses', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())

  await t.rejects(Promise.resolve(fastify().register(herald, JSON.parse('{"jwtSecret":"x"}'))), { name: 'ConfigError', message: /jwtSecret/ })
  await app.register(herald, { BROKER_URL: 'memory:', JWT_SECRET: SECRET, prefix: '/push/' })

  t.equal((await app.inject('/push/api/v1/ws/stats')).statusCode, 401)
})
