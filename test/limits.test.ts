import { once } from 'node:events'
import type { Socket } from 'node:net'
import t from 'tap'
import { addressOf, build } from './support/app.js'
import { connect, refusal } from './support/client.js'
import { scrape } from './support/metrics.js'
import { connectRaw } from './support/raw-client.js'
import { until } from './support/wait.js'

t.test('a frame that is not understood is answered, and the connection stays', async (t) => {
  const service = await build(t)
  const client = await connect(t, addressOf(service, 'ada'))
  await client.next()

  for (const [raw, code, field] of [
    ['{', 'invalid_json', undefined],
    ['[]', 'invalid_frame', undefined],
    ['{"type":"nope"}', 'unknown_type', 'type'],
    ['{"type":"ping","x":1}', 'invalid_frame', 'x'],
    ['{"type":"ping","__proto__":{"a":1}}', 'invalid_json', undefined]
  ] as const) {
    client.sendRaw(raw)

    const { type, data, timestamp } = await client.next()
    t.equal(type, 'error')
    t.match(data, { code, ...(field !== undefined && { field }), message: /./ })
    t.ok(timestamp)
  }
  client.send({ type: 'ping' })
  t.match(await client.next(), { type: 'pong' })
})

t.test('more than MAX_ERRORS errors in a row close with 1008, a good frame starts afresh', async (t) => {
  const service = await build(t, { MAX_ERRORS: 3 })
  const client = await connect(t, addressOf(service, 'ada'))

  for (let i = 0; i < 3; i++) client.sendRaw('{')
  client.send({ type: 'ping' })
  for (let i = 0; i < 4; i++) client.sendRaw('{')

  t.match(await client.closed, { code: 1008 })
  t.equal(client.frames.filter(({ type }) => type === 'error').length, 7)
})

t.test('what a frame must not be', async (t) => {
  const service = await build(t, { MAX_MESSAGE_BYTES: 100 })
  const send = async (data: string | Buffer) => {
    const client = await connect(t, addressOf(service, 'ada'))
    client.sendRaw(data)
    return await client.closed
  }
  const invalidUtf8 = await connect(t, addressOf(service, 'ada'))
  invalidUtf8.socket.send(Buffer.from([0xff, 0xfe]), { binary: false })

  t.match(await send(Buffer.from('{"type":"ping"}')), { code: 1003 })
  t.match(await send(JSON.stringify({ type: 'ping', id: 'x'.repeat(100) })), { code: 1009 })
  t.match(await invalidUtf8.closed, { code: 1007 })
  const closes = await scrape(`http://127.0.0.1:${service.port}`)
  for (const labels of ['code="1003",reason="binary_frame"', 'code="1007",reason="invalid_utf8"', 'code="1009",reason="too_large"']) t.equal(closes.value(`herald_closes_total{${labels}}`), 1, labels)
  t.equal(service.app.connections.getTotalConnectionsCount(), 0)
})

t.test('what came before the end of a connection is answered, whoever ends it', async (t) => {
  const service = await build(t)
  const closing = await connect(t, addressOf(service, 'ada'))
  const breaking = await connect(t, addressOf(service, 'ada'))
  await Promise.all([closing.next(), breaking.next()])

  for (const { socket } of [closing, breaking]) {
    const { _socket: tcp } = socket as unknown as { _socket: Socket }
    tcp.cork() // All in one segment.
    socket.send('{"type":"ping","id":1}')
    if (socket === closing.socket) socket.close(1000)
    else socket.send(Buffer.from([0xff]), { binary: false })
    tcp.uncork()
  }

  t.match(await closing.next(), { type: 'pong', id: 1 })
  t.match(await breaking.next(), { type: 'pong', id: 1 })
  t.match(await breaking.closed, { code: 1007 })
})

t.test('over MESSAGE_RATE frames are refused, and who goes on is closed with 4029', async (t) => {
  const service = await build(t, { MESSAGE_RATE: 5, MAX_ERRORS: 2 })
  const client = await connect(t, addressOf(service, 'ada'))

  for (let i = 0; i < 30; i++) client.send({ type: 'ping' })

  t.match(await client.closed, { code: 4029 })
  const answers = client.frames.map(({ type, data }) => type === 'error' ? data['code'] : type)
  t.strictSame(answers, ['connection_status', ...Array(10).fill('pong'), ...Array(5).fill('rate_limited')])
})

t.test('MAX_CONNECTIONS_PER_USER refuses with 429, MAX_CONNECTIONS with 503, before the upgrade', async (t) => {
  const service = await build(t, { MAX_CONNECTIONS_PER_USER: 2, MAX_CONNECTIONS: 3 })
  const [first] = await Promise.all([connect(t, addressOf(service, 'ada')), connect(t, addressOf(service, 'ada'))])

  t.match(await refusal(addressOf(service, 'ada')), { status: 429, problem: { code: 'too_many_connections' } })
  await connect(t, addressOf(service, 'ben'))
  t.match(await refusal(addressOf(service, 'cyd')), { status: 503, headers: { 'retry-after': /^\d+$/ }, problem: { code: 'server_full' } })

  first.send({ type: 'disconnect' })
  await first.closed
  await connect(t, addressOf(service, 'ada'))
})

t.test('many upgrades at the same instant cannot pass a limit together', async (t) => {
  const service = await build(t, { MAX_CONNECTIONS_PER_USER: 3 })

  const results = await Promise.allSettled(Array.from({ length: 20 }, () => connect(t, addressOf(service, 'ada'))))

  t.equal(results.filter(({ status }) => status === 'fulfilled').length, 3)
  t.equal(service.app.connections.getUserConnectionsCount('ada'), 3)
})

t.test('a reader that stalls is ended at MAX_BUFFERED_BYTES, the others get everything', async (t) => {
  const service = await build(t, { MAX_BUFFERED_BYTES: 100_000 })
  const stalled = await connectRaw(t, addressOf(service, 'ada'))
  stalled.pause()
  const reader = await connect(t, addressOf(service, 'ada'))

  let sent = 0
  while (service.app.connections.getUserConnectionsCount('ada') === 2) {
    await service.app.notifications.sendToUser('ada', { notificationType: 'info', data: { n: sent++, text: 'x'.repeat(10_000) } })
    await reader.nextOf('notification')
  }

  t.equal(reader.frames.filter(({ type }) => type === 'notification').length, sent)
})

t.test('a reader that stalls and half-closes is let go of as any other, once more waits for it than may', async (t) => {
  const { app, ws } = await build(t, { MAX_BUFFERED_BYTES: 100_000, HEARTBEAT_INTERVAL_MS: 0 })
  const { connections, notifications, server } = app
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const peer = await connectRaw(t, addressOf({ ws }, 'ada'))
  peer.pause()
  const send = async () => await notifications.sendToUser('ada', { notificationType: 'info', data: { text: 'x'.repeat(50_000) } })
  while (connections.getTally().waitingBytes === 0) await send()

  const [socket] = await accepted
  const ended = once(socket, 'end')
  peer.end()
  await ended
  while (connections.getTotalConnectionsCount() > 0) await send()

  await until(() => socket.destroyed && connections.getTally().waitingBytes === 0, 10_000)
})
