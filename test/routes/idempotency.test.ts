import t from 'tap'
import { addressOf, build } from '../support/app.js'
import { connect } from '../support/client.js'
import { moveClock } from '../support/clock.js'

const body = { notification_type: 'info', message: { title: 'Order 4711' } }
const key = (value: string) => ({ 'idempotency-key': value })

t.test('calls with one key publish once, and get the first outcome', async (t) => {
  const service = await build(t)
  const client = await connect(t, addressOf(service, 'ada'))

  const first = await service.post('/notify/ada', body, key('4711'))
  client.socket.terminate()
  await client.closed
  const second = await service.post('/notify/ada', body, key('4711'))

  t.match(first.body, { online: true, connections: 1 })
  t.equal(first.headers.get('idempotency-replayed'), null)
  t.strictSame(second.body, first.body)
  t.equal(second.status, 200)
  t.equal(second.headers.get('idempotency-replayed'), 'true')
  t.equal(client.frames.filter(({ type }) => type === 'notification').length, 1)
})

t.test('calls at the same time, too', async (t) => {
  const service = await build(t)

  const answers = await Promise.all(Array.from({ length: 10 }, () => service.post('/broadcast', body, key('a'))))

  t.equal(new Set(answers.map(({ body }) => body['id'])).size, 1)
  t.equal(answers.filter(({ headers }) => headers.get('idempotency-replayed') === 'true').length, 9)
})

t.test('a key belongs to its path and to its body', async (t) => {
  const service = await build(t)
  const first = await service.post('/notify/ada', body, key('a'))

  for (const other of [{ ...body, message: {} }, { ...body, notification_type: 'other' }, { ...body, ttl: 60 }]) {
    t.match(await service.post('/notify/ada', other, key('a')), { status: 422, body: { status: 422, code: 'idempotency_mismatch' } })
  }
  for (const path of ['/notify/ben', '/broadcast']) {
    const answer = await service.post(path, body, key('a'))
    t.equal(answer.status, 200)
    t.not(answer.body['id'], first.body['id'])
  }
  t.match(await service.post('/notify/ada', { ...body, surplus: 1 }, key('b')), { status: 400 })
  t.match(await service.post('/notify/ada', body, key('b')), { status: 200 }, 'a call that was refused has used up nothing')
})

t.test('what a key must not be', async (t) => {
  const service = await build(t)

  for (const bad of ['', 'a b', 'x'.repeat(256), 'é']) {
    t.match(await service.post('/notify/ada', body, key(bad)), { status: 400, body: { code: 'invalid_request', field: 'idempotency-key' } }, bad)
  }
  t.match(await service.post('/notify/ada', body, key('~!'.repeat(127))), { status: 200 })
})

t.test('a key is remembered for IDEMPOTENCY_SECONDS', async (t) => {
  const pass = moveClock(t)
  const service = await build(t, { IDEMPOTENCY_SECONDS: 60 })
  const send = async () => (await service.post('/notify/ada', body, key('4711'))).headers.get('idempotency-replayed')

  t.equal(await send(), null)
  pass(50)
  t.equal(await send(), 'true')
  pass(11)
  t.equal(await send(), null)
})
