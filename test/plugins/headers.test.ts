import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import helmet from '@fastify/helmet'
import { fastify } from 'fastify'
import t from 'tap'
import herald from '../../src/app.js'
import { ALL_SCOPES, build, SECRET } from '../support/app.js'
import { sign } from '../support/token.js'

const body = { notification_type: 'info', message: {} }

t.test('pages may load nothing but their own, and stand in no frame', async (t) => {
  const { port, http } = await build(t, { TEST_PAGE: true })

  for (const url of [`${http}/test`, `${http}/test/app.js`, `http://127.0.0.1:${port}/docs`, `http://127.0.0.1:${port}/docs/static/swagger-ui.css`]) {
    const { headers, status } = await fetch(url, { method: 'HEAD' })
    const policy = headers.get('content-security-policy') ?? ''
    t.equal(status, 200)
    for (const directive of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]) t.ok(policy.split(';').includes(directive), `${url}: ${directive}`)
    t.notMatch(policy, /unsafe|http/, url)
    t.match(Object.fromEntries(headers), { 'referrer-policy': 'no-referrer', 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' }, url)
    t.notOk(headers.has('strict-transport-security'), 'that is for who ends TLS')
  }
})

t.test('answers of REST are not to be guessed at, nor kept by a cache', async (t) => {
  const { post, port, http } = await build(t)

  for (const { headers } of [await post('/broadcast', body), await post('/broadcast', 'x'), await fetch(`${http}/nowhere`), await fetch(`http://127.0.0.1:${port}/health/live`), await fetch(`http://127.0.0.1:${port}/`), await fetch(`http://127.0.0.1:${port}/%ff`)]) {
    t.match(Object.fromEntries(headers), { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' })
  }
})

t.test('nor is the answer to what cannot be read as a request', async (t) => {
  const socket = connect((await build(t)).port, '127.0.0.1')
  await once(socket, 'connect')

  socket.write('no request\r\n\r\n')
  const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n')

  t.strictSame(head.split('\r\n'), [
    'HTTP/1.1 400 Bad Request', 'x-content-type-options: nosniff', 'cache-control: no-store',
    'content-type: application/problem+json', `content-length: ${body.length}`, 'connection: close'
  ])
  t.match(JSON.parse(body), { code: 'invalid_request' })
})

t.test('an answer has the id of its request: the caller\'s, where it is fit to be one, or else a new one', async (t) => {
  const lines: string[] = []
  const { http, port } = await build(t, {}, { write: (line) => { lines.push(line) } })
  const idOf = async (given: string | undefined, url = `${http}/stats`) => (await fetch(url, given === undefined ? {} : { headers: { 'x-request-id': given } })).headers.get('x-request-id')

  t.equal(await idOf('order-4711'), 'order-4711')
  t.equal(await idOf('order-4712', `http://127.0.0.1:${port}/%ff`), 'order-4712', 'where the router refuses it too')
  const own = await Promise.all([undefined, 'x'.repeat(129), 'a b', 'é', '', sign({})].map((given) => idOf(given)))

  t.equal(new Set(own).size, 6)
  for (const id of own) t.match(id, /^[0-9a-f]{8}-\w+$/)
  t.strictSame(lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'refused').map(({ request_id: id }) => id).sort(), ['order-4711', 'order-4712', ...own].sort())
})

t.test('an application that has helmet already keeps its own headers, and the pages work with them', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(helmet, { contentSecurityPolicy: { directives: { scriptSrc: ["'none'"] } }, referrerPolicy: { policy: 'origin' } })
  app.get('/own', async () => 'own')
  await app.register(herald, { BROKER_URL: 'memory:', JWT_SECRET: SECRET, TEST_PAGE: true })

  const own = await app.inject('/own')
  const page = await app.inject('/api/v1/ws/test')
  const stats = await app.inject({ url: '/api/v1/ws/stats', headers: { authorization: `Bearer ${sign({ scope: ALL_SCOPES })}` } })

  t.match(own.headers, { 'referrer-policy': 'origin', 'content-security-policy': /script-src 'none'/, 'strict-transport-security': String })
  t.notOk('x-request-id' in own.headers)
  t.match(page.headers, { 'referrer-policy': 'no-referrer', 'content-security-policy': /default-src 'none';script-src 'self'/ })
  t.match(stats.headers, { 'referrer-policy': 'origin', 'x-content-type-options': 'nosniff' })
})
