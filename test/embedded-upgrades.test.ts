import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { request } from 'node:https'
import { type AddressInfo, connect as connectTcp } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import websocket from '@fastify/websocket'
import { type FastifyInstance, fastify } from 'fastify'
import t, { type Test } from 'tap'
import herald from '../src/app.js'
import { addressOf, SECRET } from './support/app.js'
import { connect, refusal } from './support/client.js'
import { clientFrame, opcodes } from './support/client-frames.js'
import { buildHost, listen } from './support/host.js'
import { makeCertificate } from './support/proxies.js'
import { connectRaw, upgradeText } from './support/raw-client.js'
import { hasTool } from './support/tools.js'
import { until } from './support/wait.js'

const HELD = { BROKER_URL: 'memory:', JWT_SECRET: SECRET, DRAIN_SECONDS: 1 }

t.test('who sends pings to a route of the application and reads no pongs is cut off', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(herald, { BROKER_URL: 'memory:', JWT_SECRET: SECRET })
  app.get('/own-socket', { websocket: true }, () => {})
  const socket = await connectRaw(t, `${(await listen(app)).address.replace('http', 'ws')}/own-socket`)
  const pings = Buffer.concat(Array<Buffer>(5000).fill(clientFrame(opcodes.ping, Buffer.alloc(125))))
  socket.pause()

  await until(() => {
    if (!socket.writableNeedDrain) socket.write(pings)
    return socket.destroyed
  }, 20_000)
})

t.test('an upgrade that the router cannot read does not hold up a stop of the application', async (t) => {
  const app = fastify()
  await app.register(herald, { BROKER_URL: 'memory:', JWT_SECRET: SECRET })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const url = app.listeningOrigin.replace('http', 'ws')

  t.equal((await refusal(`${url}/api/v1/ws/%ff`)).status, 400)

  const alive = setInterval(() => {}, 1000) // As anything else in an application would be.
  await app.close()
  clearInterval(alive)
})

for (const [name, path, expected, build] of [
  ['a hook refuses', '/api/v1/ws/ada', /^HTTP\/1.1 401 [^]*who are you\?$/, async (app) => {
    app.addHook('onRequest', (_request, reply) => { reply.code(401).send('who are you?') })
    await app.register(herald, HELD)
  }],
  ['a hook refuses, with sockets of the application', '/api/v1/ws/ada', /^HTTP\/1.1 401 [^]*who are you\?$/, async (app) => {
    await app.register(websocket)
    app.addHook('onRequest', (_request, reply) => { reply.code(401).send('who are you?') })
    await app.register(herald, HELD)
  }],
  ['the router refuses', '/%ff', /^HTTP\/1.1 400 [^]*}$/, async (app) => { await app.register(herald, HELD) }],
  ['is for nothing', '/nothing', /^HTTP\/1.1 404 [^]*}$/, async (app) => { await app.register(async (child) => { await child.register(herald, HELD) }) }],
  ['is for nothing, beside a scope with sockets of the application', '/nothing', /^HTTP\/1.1 404 [^]*}$/, async (app) => {
    await app.register(async (child) => { await child.register(websocket) })
    await app.register(async (child) => { await child.register(herald, HELD) })
  }],
  ['is for a route without sockets', '/plain', /^HTTP\/1.1 200 [^]*plain$/, async (app) => {
    app.get('/plain', async () => 'plain')
    await app.register(async (child) => { await child.register(herald, HELD) })
  }]
] as Array<[string, string, RegExp, (app: FastifyInstance) => Promise<void>]>) {
  t.test(`an upgrade that ${name} does not keep its socket, nor a stop`, async (t) => {
    const app = fastify()
    t.teardown(() => app.close())
    await build(app)
    const { address } = await listen(app)

    const socket = connectTcp(Number(new URL(address).port), '127.0.0.1')
    t.teardown(() => { socket.destroy() })
    socket.on('error', () => {})
    let answer = ''
    socket.on('data', (data) => { answer += String(data) })
    socket.write(upgradeText(`${address}${path}`))
    const going = setInterval(() => { socket.write('x') }, 100)
    t.teardown(() => { clearInterval(going) })
    await until(() => socket.closed, 2000)

    t.match(answer, expected)
  })
}

for (const [where, build] of [
  ['at the root', async (t, addHerald) => {
    const app = await buildHost(t)
    for (const prefix of ['/one', '/two']) await app.register(async (part) => { await addHerald(part, prefix) })
    return app
  }],
  ['at the root, and a listener that only counts', async (t, addHerald) => {
    const app = await buildHost(t)
    app.server.on('upgrade', () => {})
    await addHerald(app, '/one')
    return app
  }],
  ['in a scope with one herald, beside another', async (t, addHerald) => {
    const app = fastify()
    t.teardown(() => app.close())
    await app.register(async (part) => {
      await part.register(websocket)
      await addHerald(part, '/one')
    })
    await app.register(async (part) => { await addHerald(part, '/two') })
    return app
  }]
] as Array<[string, (t: Test, addHerald: (part: FastifyInstance, prefix: string) => Promise<void>) => Promise<FastifyInstance>]>) {
  t.test(`an upgrade during a stop of an application with its own sockets ${where} is answered, and does not hold it up`, async (t) => {
    const app = await build(t, async (part, prefix) => { await part.register(herald, { ...HELD, DRAIN_SECONDS: 3, prefix }) })
    const { address, ws } = await listen(app, '/one')
    // As Fastify has one for each further address of localhost.
    const second = createServer().on('upgrade', (...upgrade) => { app.server.emit('upgrade', ...upgrade) }).listen(0, '127.0.0.1')
    await once(second, 'listening')
    t.teardown(() => { second.close() })
    const ports = [new URL(address).port, String((second.address() as AddressInfo).port)]
    const urls = ports.map((port) => addressOf({ ws: ws.replace(/\d+(?=\/)/, port) }, 'ada'))
    const client = await connect(t, String(urls[0]))
    await client.next()

    let closed = false
    const closing = app.close().then(() => { closed = true })
    t.match(await client.next(), { type: 'reconnect' })
    for (const url of urls) {
      t.equal((await refusal(url)).status, 503)
      const reset = connectTcp(Number(new URL(url).port), '127.0.0.1')
      reset.write(upgradeText(url), () => { reset.resetAndDestroy() })
    }

    t.match(await client.closed, { code: 1001 })
    await until(() => closed, 2000)
    await closing
  })
}

t.test('an upgrade behind a request that is not answered yet is served after it, with the sockets of the application', async (t) => {
  const app = await buildHost(t)
  app.get('/slow', async () => {
    await sleep(100)
    return 'slow'
  })
  await app.register(herald, HELD)
  const service = await listen(app)
  const socket = connectTcp(Number(new URL(service.address).port), '127.0.0.1')
  t.teardown(() => { socket.destroy() })
  let answers = ''
  socket.on('data', (data) => { answers += data.toString('latin1') })

  const ask = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`
  socket.write(ask('/own') + ask('/slow') + upgradeText(addressOf(service, 'ada')))

  await until(() => answers.includes('connection_status'), 5000)
  t.match(answers, /^HTTP\/1.1 200 [^]*{"own":true}HTTP\/1.1 200 [^]*slowHTTP\/1.1 101 /)
})

t.test('an application that speaks TLS serves what offers another upgrade, and answers upgrades in a stop', async (t) => {
  if (!hasTool(t, 'nginx')) return // It brings openssl.
  const { cert, key } = makeCertificate(t.testdir())
  const https = { cert: readFileSync(cert), key: readFileSync(key) }
  const alone = fastify({ https })
  t.teardown(() => alone.close())
  for (const [app, offers] of [[alone, { upgrade: 'h2c' }], [await buildHost(t, https), {}]] as Array<[FastifyInstance, Record<string, string>]>) {
    await app.register(herald, { ...HELD, DRAIN_SECONDS: 3 })
    const service = await listen(app)
    const client = await connect(t, addressOf(service, 'ada'), { rejectUnauthorized: false })
    await client.next()
    const [answer] = await once(request(addressOf({ ws: service.http }, 'ada'), { rejectUnauthorized: false, headers: { connection: 'upgrade', ...offers } }).end(), 'response')
    t.equal(answer.statusCode, 426)

    const closed = app.close()
    t.match(await client.next(), { type: 'reconnect' })
    t.equal((await refusal(addressOf(service, 'ada'), { rejectUnauthorized: false })).status, 503)
    await closed
  }
})

t.test('an application that gets sockets of its own behind and above Herald does not start', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  app.register(async (scope) => { await scope.register(herald, HELD) })
  app.register(websocket)

  await t.rejects(async () => { await app.ready() }, { message: /@fastify\/websocket has to be registered before fastify-herald/ })
})

t.test('of two Heralds one can be behind the other, and above it', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  app.register(async (scope) => { await scope.register(herald, { ...HELD, prefix: '/one' }) })
  app.register(herald, HELD)
  const { address, ws } = await listen(app)

  for (const base of [ws, `${address.replace('http', 'ws')}/one/api/v1/ws`]) {
    t.match(await (await connect(t, addressOf({ ws: base }, 'ada'))).next(), { data: { total_connections: 1 } })
  }
})

t.test('where two scopes of an application listen for upgrades, each is served once', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(async (part) => {
    await part.register(websocket)
    part.get('/own-socket', { websocket: true }, (socket) => { socket.send('{"type":"own","data":{}}') })
  })
  for (const prefix of ['/one', '/two']) await app.register(async (part) => { await part.register(herald, { ...HELD, prefix }) })
  const { address, ws } = await listen(app, '/two')
  const clients = await Promise.all([ws, ws.replace('two', 'one')].map(async (base) => await connect(t, addressOf({ ws: base }, 'ada'))))
  for (const client of clients) t.match(await client.next(), { type: 'connection_status' })
  t.match(await (await connect(t, `${address.replace('http', 'ws')}/own-socket`)).next(), { type: 'own' })

  await app.close()

  for (const { closed } of clients) t.match(await closed, { code: 1001 })
})

for (const [whose, build] of [['herald', async () => fastify()], ['the application', buildHost]] as Array<[string, typeof buildHost]>) {
  t.test(`a socket can be opened without a network, as the tests of an application do, with the sockets of ${whose}`, async (t) => {
    const app = await build(t)
    t.teardown(() => app.close())
    await app.register(herald, { BROKER_URL: 'memory:', JWT_SECRET: SECRET, WS_AUTH: 'optional', CONNECT_RATE: 1 })
    await app.ready()
    const frames: unknown[] = []

    const socket = await app.injectWS('/api/v1/ws/ada', {}, { onInit (ws) { ws.on('message', (data) => { frames.push(JSON.parse(String(data))) }) } })
    await app.notifications.sendToUser('ada', { notificationType: 'info', data: {} })
    await until(() => frames.length === 2, 5_000)

    t.match(frames, [{ type: 'connection_status' }, { type: 'notification' }])
    socket.terminate()
    await until(() => app.connections.getTotalConnectionsCount() === 0, 5_000)
  })
}
