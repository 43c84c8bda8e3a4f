import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { addressOf, build, type Service } from '../support/app.js'
import { connect } from '../support/client.js'
import { sign } from '../support/token.js'

const body = { notification_type: 'info', message: { title: 'Hello', nested: { list: [1, null, 'Привет'] } } }

t.test('a notification reaches every socket of its user, and the caller learns of how many', async (t) => {
  const service = await build(t)
  const clients = [await connect(t, addressOf(service, 'ada')), await connect(t, addressOf(service, 'ada'))]
  const other = await connect(t, addressOf(service, 'ben'))

  const { status, body: outcome } = await service.post('/notify/ada', body)

  t.equal(status, 200)
  t.match(outcome, { id: /^\w+-1$/, user_id: 'ada', online: true, connections: 2, stored: false })
  for (const client of clients) {
    const { timestamp, ...frame } = await client.nextOf('notification')
    t.strictSame(frame, { type: 'notification', id: outcome['id'], notification_type: 'info', data: body.message })
    t.equal(new Date(String(timestamp)).toISOString(), timestamp)
  }
  other.send({ type: 'ping' })
  await other.nextOf('pong')
  t.notOk(other.frames.some(({ type }) => type === 'notification'))
})

t.test('a notification to nobody is said to be one', async (t) => {
  const service = await build(t)

  t.match((await service.post('/notify/nobody', body)).body, { online: false, connections: 0 })
})

t.test('a broadcast reaches everybody but the excluded user, anonymous sockets too', async (t) => {
  const service = await build(t, { ALLOW_ANONYMOUS: true })
  const clients = await Promise.all([addressOf(service, 'ada'), addressOf(service, 'ada'), addressOf(service, 'ben'), service.ws].map((url) => connect(t, url)))
  const admin = await connect(t, addressOf(service, 'admin'))

  const { body: outcome } = await service.post('/broadcast', { ...body, exclude_user: 'admin' })

  t.match(outcome, { connections: 4, users: 2, stored: false })
  for (const client of clients) t.match(await client.nextOf('notification'), { id: outcome['id'], data: body.message })
  await service.post('/notify/admin', body)
  t.not((await admin.nextOf('notification')).id, outcome['id'])
})

t.test('ids are one order over personal notifications and broadcasts', async (t) => {
  const service = await build(t)
  const client = await connect(t, addressOf(service, 'ada'))

  for (const path of ['/notify/ada', '/broadcast', '/notify/ben', '/broadcast', '/notify/ada']) await service.post(path, body)

  const ids: string[] = []
  while (ids.length < 4) ids.push((await client.nextOf('notification')).id?.split('-')[1] ?? '')
  t.strictSame(ids, ['1', '2', '4', '5'])
})

t.test('a body that is wrong sends nothing and names the field', async (t) => {
  const service = await build(t, { MAX_BODY_BYTES: 2000 })
  const deep = (levels: number) => JSON.parse('{"a":'.repeat(levels) + '1' + '}'.repeat(levels))

  for (const [wrong, status, code, field] of [
    [{ message: {} }, 400, 'invalid_request', 'notification_type'],
    [{ ...body, notification_type: '' }, 400, 'invalid_request', 'notification_type'],
    [{ ...body, notification_type: 'x'.repeat(65) }, 400, 'invalid_request', 'notification_type'],
    [{ ...body, notification_type: 7 }, 400, 'invalid_request', 'notification_type'],
    [{ ...body, message: 'text' }, 400, 'invalid_request', 'message'],
    [{ ...body, message: [] }, 400, 'invalid_request', 'message'],
    [{ ...body, message: null }, 400, 'invalid_request', 'message'],
    [{ ...body, message: deep(101) }, 400, 'invalid_request', 'message'],
    ['{"notification_type":"info","message":{"list":[1e999]}}', 400, 'invalid_request', 'message'],
    [{ ...body, surplus: 1 }, 400, 'invalid_request', 'surplus'],
    [{ ...body, exclude_user: 'a\nb' }, 400, 'invalid_request', 'exclude_user'],
    ['[]', 400, 'invalid_request', undefined],
    ['{', 400, 'invalid_json', undefined],
    ['', 400, 'invalid_json', undefined],
    ['{"__proto__":{},"notification_type":"a","message":{}}', 400, 'invalid_json', undefined],
    ['{"notification_type":"a","message":{"constructor":{"prototype":1}}}', 400, 'invalid_json', undefined],
    [{ ...body, message: { text: 'x'.repeat(2000) } }, 413, 'too_large', undefined]
  ] as const) {
    const response = await service.post('/broadcast', wrong)

    t.equal(response.status, status, JSON.stringify(wrong).slice(0, 80))
    t.match(response.headers.get('content-type'), 'application/problem+json')
    t.match(response.body, { type: `urn:herald:error:${code}`, status, code, ...(field !== undefined && { field, detail: field }) })
    t.ok(typeof response.body['title'] === 'string' && typeof response.body['detail'] === 'string')
  }
  t.match((await service.post('/broadcast', { ...body, message: { text: 'x'.repeat(2000) } })).body, { detail: 'the body may have at most 2000 bytes' })
  t.equal((await service.post('/notify/ada', { ...body, exclude_user: 'ben' })).status, 400)
  t.equal((await service.post('/broadcast', { ...body, message: deep(100) })).status, 200)
  t.match((await service.post('/broadcast', body)).body['id'], /-2$/, 'what was refused took no id')
})

t.test('only JSON is taken, as UTF-8', async (t) => {
  const service = await build(t)
  const send = async (type: string, data: Uint8Array<ArrayBuffer> | string) => await fetch(`${service.http}/broadcast`, {
    method: 'POST', headers: { 'content-type': type, authorization: `Bearer ${sign({ scope: 'notifications:publish' })}` }, body: data
  })

  t.equal((await send('application/json; charset=utf-8', JSON.stringify(body))).status, 200)
  t.equal((await send('text/plain', JSON.stringify(body))).status, 415)
  t.match(await service.post('/broadcast', body, { 'content-encoding': 'gzip' }), { status: 415, body: { code: 'unsupported_media_type', detail: /gzip/ } })
  t.match(await (await send('application/json', new Uint8Array([0x7b, 0xff, 0x7d]))).json(), { code: 'invalid_utf8' })
})

t.test('an unknown address is a problem too', async (t) => {
  const service = await build(t)

  for (const path of ['/api/v1/ws/a/b/c', '/nope', '/api']) {
    const response = await fetch(`http://127.0.0.1:${service.port}${path}`)
    t.equal(response.status, 404)
    t.match(await response.json(), { status: 404, code: 'not_found', detail: `there is no GET ${path}` })
  }
})

t.test('an offer to upgrade to something else is passed over', async (t) => {
  const service = await build(t)

  for (const payload of [JSON.stringify(body), JSON.stringify({ ...body, message: { text: 'x'.repeat(60_000) } })]) {
    const { status, answer } = await postWithUpgrade(service, payload)

    t.equal(status, 200)
    t.match(JSON.parse(answer), { connections: 0 })
  }

  const warnings: Error[] = []
  const warn = (warning: Error) => { warnings.push(warning) }
  process.on('warning', warn)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  for (let i = 0; i < 20; i++) t.match(await postWithUpgrade(service, JSON.stringify(body), agent), { status: 200 })
  agent.destroy()
  process.off('warning', warn)
  t.strictSame(warnings, [], 'on one connection, too')
})

/** As Java's HttpClient does it by default. */
async function postWithUpgrade ({ port }: Service, payload: string, agent?: Agent): Promise<{ status: number | undefined, answer: string }> {
  return await new Promise((resolve, reject) => {
    request({
      ...(agent !== undefined && { agent }),
      port,
      method: 'POST',
      path: '/api/v1/ws/broadcast',
      headers: {
        connection: 'Upgrade, HTTP2-Settings',
        upgrade: 'h2c',
        'http2-settings': 'AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA',
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(payload),
        authorization: `Bearer ${sign({ scope: 'notifications:publish' })}`
      }
    }, (response) => {
      text(response).then((answer) => { resolve({ status: response.statusCode, answer }) }, reject)
    }).on('error', reject).end(payload)
  })
}
