import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import t, { type Test } from 'tap'
import { addressOf, build, type Service } from '../support/app.js'
import { connect } from '../support/client.js'
import { sign } from '../support/token.js'
import { until } from '../support/wait.js'

/** Sends a text as it is; what is answered comes together in `answers`. */
async function send (t: Test, { port }: Service, text: string) {
  const socket = connectTcp(port, '127.0.0.1', () => { socket.write(text) })
  t.teardown(() => { socket.destroy() })
  const received = { socket, answers: '', ended: once(socket, 'end') }
  socket.on('data', (bytes: Buffer) => { received.answers += bytes.toString('latin1') })
  return received
}

const statuses = (answers: string) => answers.match(/(?<=HTTP\/1\.1 )\d+/g)
const get = (path: string, ...headers: string[]) => `${[`GET ${path} HTTP/1.1`, 'Host: a', ...headers].join('\r\n')}\r\n\r\n`

t.test('what cannot be read is refused behind the answers to what came before it', async (t) => {
  const service = await build(t)
  const client = await connect(t, addressOf(service, 'ada'))
  await client.next()
  const body = JSON.stringify({ notification_type: 'info', message: {} })
  const post = `POST /api/v1/ws/broadcast HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${sign({ scope: 'notifications:publish' })}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`

  const one = await send(t, service, `${post}nonsense\r\n\r\n`)
  const more = await send(t, service, `${post}${get('/health/live')}${post}nonsense\r\n\r\n`)
  await Promise.all([one.ended, more.ended])

  t.strictSame(statuses(one.answers), ['200', '400'])
  t.match(one.answers, '"invalid_request"')
  t.strictSame(statuses(more.answers), ['200', '200', '200', '400'])
  for (let i = 0; i < 3; i++) await client.nextOf('notification')
})

t.test('and does not stand in the middle of an answer that is on its way', async (t) => {
  const service = await build(t)

  const received = await send(t, service, `${get('/docs/static/swagger-ui-bundle.js')}nonsense\r\n\r\n`)
  await received.ended

  const [file = '', ...refusals] = received.answers.split('HTTP/1.1 400')
  const [head = ''] = file.split('\r\n\r\n', 1)
  t.equal(file.length, head.length + 4 + Number(/content-length: (\d+)/i.exec(head)?.[1]), 'the file is whole')
  t.equal(refusals.length, 1)
})

t.test('an address that cannot be read ends no connection', async (t) => {
  const service = await build(t)

  const received = await send(t, service, get('/%ff'))
  await until(() => statuses(received.answers)?.length === 1, 5000)
  received.socket.write(get('/health/live'))

  await Promise.race([received.ended, until(() => statuses(received.answers)?.length === 2, 5000)])
  t.strictSame(statuses(received.answers), ['400', '200'])
})

t.test('a socket that was asked for without an upgrade is refused as the connection is', async (t) => {
  const service = await build(t)
  const path = new URL(addressOf(service, 'ada')).pathname + new URL(addressOf(service, 'ada')).search

  for (const text of [get(path, 'Connection: Close'), get(path, 'Connection: TE, close'), `GET ${path} HTTP/1.0\r\n\r\n`]) {
    const received = await send(t, service, text)
    await received.ended
    t.match(received.answers, /426 Upgrade Required[^]*connection: upgrade, close/i)
  }
  const kept = await send(t, service, get(path) + get('/health/live'))
  await until(() => statuses(kept.answers)?.length === 2, 5000)
  t.strictSame(statuses(kept.answers), ['426', '200'])
})

t.test('what an error of the service says stays in the log', async (t) => {
  const lines: string[] = []
  const service = await build(t, {}, { write: (line) => { lines.push(line) } })
  service.app.connections.stats = async () => { throw new Error('sesame') }

  const response = await fetch(`${service.http}/stats`, { headers: { authorization: `Bearer ${sign({ scope: 'stats:read' })}` } })
  const text = await response.text()

  t.equal(response.status, 500)
  t.match(response.headers.get('content-type'), 'application/problem+json')
  t.match(JSON.parse(text), { status: 500, code: 'internal_error' })
  t.notMatch(text, 'sesame')
  t.match(lines.map((line) => JSON.parse(line)).filter(({ level }) => level >= 50), [{ msg: 'failed', err: { message: 'sesame' } }])
})
