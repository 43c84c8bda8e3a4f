import t from 'tap'
import { addressOf, ALL_SCOPES, build } from './support/app.js'
import { connect, refusal } from './support/client.js'
import { sign } from './support/token.js'

const secret = 'sesame' // Short enough to stand whole in what a parser quotes.
const token = sign({ sub: 'ada', scope: ALL_SCOPES })
const signature = token.slice(token.lastIndexOf('.') + 1)

t.test('at info the log has ids of requests, connections and users, and neither tokens nor contents, whatever is sent', async (t) => {
  const lines: string[] = []
  const service = await build(t, { MAX_ERRORS: 20 }, { write: (line) => { lines.push(line) } })
  const { http } = service

  const client = await connect(t, addressOf(service, 'ada'))
  for (const frame of [
    `{"type":"${secret}"}`, `{"type":"ping","id":"${token}"}`, `{"type":"ping","${secret}":1}`, `{"type":"auth","token":"${token}"}`, `{"type":"auth","token":"${secret}`, secret, '[]'
  ]) {
    client.sendRaw(frame)
    await client.next()
  }
  const bodies = [
    `{"notification_type":"info","message":{"title":"${secret}"}}`, `{"notification_type":"info","message":{"title":"${secret}"}`, `{"notification_type":"info","${secret}":1}`,
    `{"notification_type":"info","message":{},"${secret}":1}`, `{"notification_type":"${secret}${'x'.repeat(64)}","message":{}}`, `"${secret}`, secret, `{"__proto__":"${secret}"}`, `{"token":"${token}"}`, token, `{"${token}":1}`, `[${'['.repeat(2000)}"${secret}"`
  ]
  for (const body of bodies) {
    for (const path of ['/notify/ada', '/broadcast']) {
      await service.post(path, body)
      await (await fetch(`${http}${path}?token=${token}`, { method: 'POST', body, headers: { 'content-type': 'application/json', 'idempotency-key': `${secret} ${secret}` } })).text()
    }
  }
  const long = `/nowhere/${'x'.repeat(10_000)}`
  for (const path of ['/ben', '/stats', '/nowhere/at/all', long, '/ada', '', `/${token}`, `/ada%3Ftoken=${token}`, `/ada;${token}/more`, `/${token.replaceAll('.', '%2E')}`, `/${'eyJ'.repeat(5000)}`]) {
    await (await fetch(`${http}${path}?token=${token}&${secret}=${secret}`)).text()
    await (await fetch(`${http}${path}`, { headers: { authorization: `Bearer ${token}x` } })).text()
  }
  await refusal(`${service.ws}/ben`, { protocols: ['herald.v1', `bearer.${token}`] })
  client.socket.close(4000, `${secret} ${signature}`)
  await client.closed
  while (!lines.some((line) => line.includes('"disconnected"'))) await new Promise(setImmediate)

  t.strictSame(lines.filter((line) => line.includes(secret) || line.includes(signature)), [])
  t.ok(lines.every((line) => line.length < 1000), 'a long address does not fill it')
  const entries = lines.map((line) => JSON.parse(line))
  t.match(entries.find(({ msg }) => msg === 'connected'), { request_id: String, connection_id: String, user_id: 'ada' })
  t.match(entries.find(({ msg }) => msg === 'disconnected'), { connection_id: String, user_id: 'ada', code: 4000 })
  t.ok(entries.filter(({ msg }) => msg === 'refused').length > 20)
  for (const entry of entries.filter(({ msg }) => msg === 'refused')) t.match(entry, { request_id: String, code: String, status: Number, url: String })
})

t.test('every connect, disconnect and refusal is a line in the log', async (t) => {
  const lines: Array<Record<string, unknown>> = []
  const service = await build(t, {}, { write: (line) => { lines.push(JSON.parse(line)) } })
  const client = await connect(t, addressOf(service, 'ada'))
  client.send({ type: 'ping' })
  client.send({ type: 'disconnect' })
  await client.closed
  await refusal(`${service.ws}/ada`)

  t.match(lines.find(({ msg }) => msg === 'connected'), { connection_id: /-1$/, user_id: 'ada', ip: '127.0.0.1' })
  t.match(lines.find(({ msg }) => msg === 'disconnected'), {
    connection_id: /-1$/, user_id: 'ada', code: 1000, reason: /./, frames_in: 2, frames_out: 2, duration_ms: Number
  })
  t.match(lines.find(({ msg }) => msg === 'refused'), { code: 'token_required', status: 401, url: '/api/v1/ws/ada' })
})
