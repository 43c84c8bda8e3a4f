import t from 'tap'
import { addressOf, ALL_SCOPES, build } from '../support/app.js'
import { connect } from '../support/client.js'
import { KeyServer, SigningKey } from '../support/key-server.js'
import { sign } from '../support/token.js'

/** In whole seconds, as `exp` is. */
const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds

t.test('a connection ends with 4401 when its token has expired and the grace is over, unless it brought a fresh one', async (t) => {
  const service = await build(t, { TOKEN_GRACE_SECONDS: 1, ALLOW_ANONYMOUS: true })
  const exp = inSeconds(3)
  const open = async (userId: string) => {
    const client = await connect(t, `${service.ws}/${userId}?token=${sign({ sub: userId, exp })}`)
    await client.next()
    return client
  }
  const ended = await open('ada')
  const renewed = await open('ben')
  const late = await open('eve')
  const anonymous = await connect(t, `${service.ws}?token=${sign({ sub: 'ada', exp })}`)
  const withoutToken = await connect(t, service.ws)
  await withoutToken.next()

  renewed.send({ type: 'auth', token: sign({ sub: 'ben', exp: exp + 3600 }) })
  t.strictSame(await renewed.next(), { type: 'auth', data: { expires_at: new Date((exp + 3600) * 1000).toISOString() } })
  const { code, reason } = await ended.closed
  const after = Date.now() - exp * 1000
  await anonymous.closed.then(({ code }) => { t.equal(code, 4401, 'a token that was brought is one that ends') })
  await late.closed

  t.equal(code, 4401)
  t.match(reason, /^token_expired/)
  t.ok(after >= 1000, `${after} ms after the token`)
  for (const client of [renewed, withoutToken]) {
    client.send({ type: 'ping' })
    t.match(await client.nextOf('pong'), { type: 'pong' })
  }
})

t.test('without a grace a connection ends with its token', async (t) => {
  const service = await build(t, { TOKEN_GRACE_SECONDS: 0 })
  const exp = inSeconds(2)
  const client = await connect(t, `${service.ws}/ada?token=${sign({ sub: 'ada', exp })}`)

  const { code } = await client.closed

  t.equal(code, 4401)
  t.ok(Date.now() >= exp * 1000)
})

t.test('a token that is no good changes nothing: an error says why, and the connection stays open', async (t) => {
  const lines: string[] = []
  const service = await build(t, { LOG_LEVEL: 'trace' }, { write: (line) => { lines.push(line) } })
  const client = await connect(t, addressOf(service, 'ada', 'stats:read'))
  await client.next()
  const wrong = {
    token_invalid: sign({ sub: 'ada' }, 'another secret'),
    token_expired: sign({ sub: 'ada', exp: inSeconds(-5) }),
    wrong_user: sign({ sub: 'ben' })
  }

  client.send({ type: 'auth', token: sign({ scope: 'stats:read' }) })
  t.match(await client.next(), { type: 'error', data: { code: 'wrong_user', message: /names no user/ } })
  for (const [code, token] of Object.entries(wrong)) {
    client.send({ type: 'auth', token })
    const answer = await client.next()
    t.match(answer, { type: 'error', data: { code } })
    t.notMatch(JSON.stringify(answer), token.split('.')[2])
    t.notMatch(lines.join(), token.split('.')[2])
  }
  for (const frame of [{ type: 'auth' }, { type: 'auth', token: 7 }, { type: 'auth', token: 'x', more: 1 }]) {
    client.send(frame)
    t.match(await client.next(), { type: 'error', data: { code: 'invalid_frame' } })
  }

  client.send({ type: 'auth', token: '' })
  t.match(await client.next(), { type: 'error', data: { code: 'token_invalid' } })
  client.send({ type: 'get_stats' })
  t.match(await client.next(), { type: 'stats', data: { connected_users: ['ada'] } })
})

t.test('bad tokens count as errors', async (t) => {
  const service = await build(t, { MAX_ERRORS: 2 })
  const client = await connect(t, addressOf(service, 'ada'))

  for (let i = 0; i < 3; i++) client.send({ type: 'auth', token: 'x' })

  t.equal((await client.closed).code, 1008)
})

t.test('what the scope decides is decided anew, for the very next frame', async (t) => {
  const service = await build(t)
  const client = await connect(t, addressOf(service, 'ada'))
  await client.next()

  client.send({ type: 'auth', token: sign({ sub: 'ada', scope: ALL_SCOPES }) })
  client.send({ type: 'get_stats' })
  client.send({ type: 'auth', token: sign({ sub: 'ada' }) })
  client.send({ type: 'get_stats' })

  t.strictSame(await client.next(), { type: 'auth', data: { expires_at: null } })
  t.match((await client.next()).data, { connected_users: ['ada'] })
  t.match(await client.next(), { type: 'auth' })
  t.strictSame((await client.next()).data['connected_users'], [])
})

t.test('an anonymous socket stays anonymous, whosever token it brings', async (t) => {
  const service = await build(t, { ALLOW_ANONYMOUS: true })
  const client = await connect(t, service.ws)
  await client.next()

  client.send({ type: 'auth', token: sign({ sub: 'ada', scope: 'stats:read' }) })
  client.send({ type: 'get_stats' })

  t.match(await client.next(), { type: 'auth' })
  t.match(await client.next(), { data: { total_connections: 1, user_connections: 1, connected_users: [] } })
  t.equal(service.app.connections.getUserConnectionsCount('ada'), 0)
})

t.test('while the key of a token is fetched, other frames are answered, and a second token is not looked at', async (t) => {
  const [first, second] = [new SigningKey('first'), new SigningKey('second')]
  const server = await KeyServer.start(t, [first.jwk()])
  const service = await build(t, { JWT_SECRET: '', JWT_JWKS_URL: server.url })
  const client = await connect(t, `${service.ws}/ada?token=${first.sign({ sub: 'ada' })}`)
  await client.next()
  let release = () => {}
  server.answer = (_request, response) => { release = () => { response.end(JSON.stringify({ keys: [second.jwk()] })) } }

  client.send({ type: 'auth', token: second.sign({ sub: 'ada' }) })
  client.send({ type: 'auth', token: first.sign({ sub: 'ada' }) })
  client.send({ type: 'ping' })

  t.match(await client.next(), { type: 'error', data: { code: 'auth_pending' } })
  t.match(await client.next(), { type: 'pong' })
  release()
  t.match(await client.next(), { type: 'auth' })
  client.send({ type: 'auth', token: second.sign({ sub: 'ben' }) })
  t.match(await client.next(), { type: 'error', data: { code: 'wrong_user' } }, 'the next one is looked at')
})

t.test('keys that cannot be fetched are no error of the client, and a socket that is gone by then harms nobody', async (t) => {
  const [known, unknown] = [new SigningKey('known'), new SigningKey('unknown')]
  const server = await KeyServer.start(t, [known.jwk()])
  const service = await build(t, { JWT_SECRET: '', JWT_JWKS_URL: server.url, MAX_ERRORS: 1 })
  const open = async () => {
    const client = await connect(t, `${service.ws}/ada?token=${known.sign({ sub: 'ada' })}`)
    await client.next()
    return client
  }
  const [stays, goes] = [await open(), await open()]
  const asked = new Promise<() => void>((resolve) => {
    server.answer = (_request, response) => { resolve(() => { response.writeHead(500).end() }) }
  })

  goes.send({ type: 'auth', token: unknown.sign({ sub: 'ada' }) })
  const refuse = await asked
  goes.send({ type: 'disconnect' })
  await goes.closed
  stays.send({ type: 'auth', token: unknown.sign({ sub: 'ada' }) })
  stays.send({ type: 'ping' })
  await stays.nextOf('pong')
  refuse()

  t.match(await stays.next(), { type: 'error', data: { code: 'keys_unavailable' } })
  for (let i = 0; i < 3; i++) {
    stays.send({ type: 'auth', token: unknown.sign({ sub: 'ada' }) })
    t.match(await stays.next(), { type: 'error', data: { code: 'keys_unavailable' } })
  }
  stays.send({ type: 'auth', token: known.sign({ sub: 'ada' }) })
  t.match(await stays.next(), { type: 'auth' }, 'a key that is known goes on working')
})
