import t from 'tap'
import { ALL_SCOPES, addressOf, build, type Service } from '../support/app.js'
import { connect } from '../support/client.js'
import { sign } from '../support/token.js'

const manage = { authorization: `Bearer ${sign({ scope: 'connections:manage' })}` }

async function disconnect ({ http }: Service, userId: string, headers: Record<string, string> = manage) {
  const response = await fetch(`${http}/connections/${encodeURIComponent(userId)}`, { method: 'DELETE', headers })
  return { status: response.status, body: await response.json() as Record<string, unknown> }
}

t.test('an operator closes all sockets of a user, and nobody else\'s', async (t) => {
  const service = await build(t, { ALLOW_ANONYMOUS: true })
  const his = [await connect(t, addressOf(service, 'auth0|Алёна')), await connect(t, addressOf(service, 'auth0|Алёна'))]
  const other = await connect(t, addressOf(service, 'ben'))
  const anonymous = await connect(t, service.ws)
  for (const client of [other, anonymous]) await client.next()

  t.strictSame(await disconnect(service, 'auth0|Алёна'), { status: 200, body: { closed: 2 } })

  for (const { closed } of his) {
    const { code, reason } = await closed
    t.equal(code, 4503)
    t.match(reason, /^disconnected_by_operator/)
  }
  for (const client of [other, anonymous]) {
    client.send({ type: 'ping' })
    t.match(await client.next(), { type: 'pong' })
  }
  t.strictSame(await disconnect(service, 'auth0|Алёна'), { status: 200, body: { closed: 0 } })
  t.equal(service.app.connections.getTotalConnectionsCount(), 2)
})

t.test('the application that it is part of can do the same', async (t) => {
  const service = await build(t)
  const client = await connect(t, addressOf(service, 'ada'))

  t.equal(await service.app.connections.disconnectUser('ada'), 1)

  t.equal((await client.closed).code, 4503)
})

t.test('the scope, and the form of a user id, are checked', async (t) => {
  const service = await build(t)
  const client = await connect(t, addressOf(service, 'ada'))
  await client.next()

  t.equal((await disconnect(service, 'ada', {})).status, 401)
  t.match(await disconnect(service, 'ada', { authorization: `Bearer ${sign({ scope: 'notifications:publish stats:read' })}` }), { status: 403, body: { code: 'scope_missing' } })
  t.match(await disconnect(service, 'x'.repeat(129)), { status: 400, body: { code: 'invalid_request', field: 'user_id' } })
  t.match(await disconnect(service, 'a\nb'), { status: 400, body: { field: 'user_id' } })

  client.send({ type: 'ping' })
  t.match(await client.next(), { type: 'pong' })
})

t.test('other methods are not taken there, and a user of the name can connect', async (t) => {
  const service = await build(t)
  const headers = { authorization: `Bearer ${sign({ scope: ALL_SCOPES })}` }

  for (const method of ['GET', 'POST', 'PUT', 'PATCH']) {
    t.equal((await fetch(`${service.http}/connections/ada`, { method, headers })).status, 404, method)
  }
  t.equal((await fetch(`${service.http}/connections`, { method: 'DELETE', headers })).status, 404)
  await connect(t, addressOf(service, 'connections'))
})

t.test('pages of allowed origins may ask for it', async (t) => {
  const origin = 'https://admin.example.com'
  const service = await build(t, { ALLOWED_ORIGINS: origin })

  const preflight = await fetch(`${service.http}/connections/ada`, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'DELETE' } })

  t.match(preflight.headers.get('access-control-allow-methods'), /DELETE/)
})
