import { fastify as createFastify } from 'fastify'
import t, { type Test } from 'tap'
import access from '../../plugins/access.js'
import keySet from '../../plugins/key-set.js'
import type { AppError } from '../../src/errors.js'
import { toProblem } from '../../src/protocol/problem.js'
import { ALL_SCOPES, build, type Service } from '../support/app.js'
import { connect, refusal } from '../support/client.js'
import { KeyServer, SigningKey } from '../support/key-server.js'
import { isReady, readiness } from '../support/rest.js'
import { until } from '../support/wait.js'

const claims = { sub: 'ada', scope: ALL_SCOPES }

const open = async (t: Test, keys: SigningKey[]): Promise<[Service, KeyServer]> => {
  const server = await KeyServer.start(t, keys.map((key) => key.jwk()))
  return [await build(t, { JWT_SECRET: '', JWT_JWKS_URL: server.url }), server]
}

async function statsWith ({ http }: Service, token: string) {
  const response = await fetch(`${http}/stats`, { headers: { authorization: `Bearer ${token}` } })
  return { status: response.status, retryAfter: response.headers.get('retry-after'), body: await response.json() as Record<string, unknown> }
}

t.test('a key that is new in the set works at once', async (t) => {
  const [first, second] = [new SigningKey('first', 'RS256'), new SigningKey('second', 'ES256')]
  const [service, server] = await open(t, [first])
  t.equal((await statsWith(service, first.sign(claims))).status, 200)
  t.match(await statsWith(service, second.sign(claims)), { status: 401, body: { code: 'token_invalid' } })

  server.keys = [first.jwk(), second.jwk()]

  t.equal((await statsWith(service, second.sign(claims))).status, 200)
  await connect(t, `${service.ws}/ada?token=${second.sign(claims)}`)
  t.equal((await statsWith(service, first.sign(claims))).status, 200)
})

t.test('a key that was taken out stops working, though its tokens were good before', async (t) => {
  const [first, second] = [new SigningKey('first'), new SigningKey('second')]
  const server = await KeyServer.start(t, [first.jwk(), second.jwk()])
  const app = createFastify()
  t.teardown(() => app.close())
  app.setErrorHandler<AppError>((error, _request, reply) => { reply.code(toProblem(error).status).send() })
  app.register(keySet, { url: server.url, keepMs: 500 })
  app.register(access, { secret: undefined, publicKey: undefined, issuer: undefined, audience: undefined, tokenRequired: true, allowAnonymous: false })
  app.after(() => { app.get('/', { onRequest: app.heraldAccess.requireScope('stats:read') }, async () => 'here') })
  const statusWith = async (token: string) => (await app.inject({ url: '/', headers: { authorization: `Bearer ${token}` } })).statusCode
  const token = first.sign(claims)
  t.equal(await statusWith(token), 200)

  server.keys = [second.jwk()]

  await until(async () => await statusWith(token) === 401, 10_000)
  t.equal(await statusWith(second.sign(claims)), 200)
})

t.test('iss, aud, exp and nbf are checked, each time', async (t) => {
  const key = new SigningKey('key')
  const server = await KeyServer.start(t, [key.jwk()])
  const service = await build(t, { JWT_SECRET: '', JWT_JWKS_URL: server.url, JWT_ISSUER: 'https://id.example.com', JWT_AUDIENCE: 'herald' })
  const right = { ...claims, iss: 'https://id.example.com', aud: 'herald' }
  const now = Math.floor(Date.now() / 1000)
  const brief = key.sign({ ...right, exp: now + 2 })

  t.equal((await statsWith(service, key.sign(right))).status, 200)
  t.equal((await statsWith(service, brief)).status, 200)
  for (const wrong of [{ iss: 'https://evil.example.com' }, { iss: undefined }, { aud: 'other' }, { aud: undefined }, { nbf: now + 60 }]) {
    t.match(await statsWith(service, key.sign({ ...right, ...wrong })), { status: 401, body: { code: 'token_invalid' } }, JSON.stringify(wrong))
  }
  t.match(await statsWith(service, key.sign({ ...right, exp: now - 1 })), { status: 401, body: { code: 'token_expired' } })
  await until(async () => (await statsWith(service, brief)).status === 401, 10_000)
})

t.test('when the keys cannot be fetched, connections stay, known keys work, the others are answered 503; it mends itself', async (t) => {
  const [known, fresh] = [new SigningKey('known'), new SigningKey('fresh')]
  const [service, server] = await open(t, [known])
  const client = await connect(t, `${service.ws}/ada?token=${known.sign(claims)}`)
  await client.next()
  server.stop()
  t.ok(await isReady(service), 'nothing is amiss yet')

  const refused = await statsWith(service, fresh.sign(claims))
  t.match(refused, { status: 503, retryAfter: /^\d+$/, body: { code: 'keys_unavailable' } })
  const upgrade = await refusal(`${service.ws}/ada?token=${fresh.sign(claims)}`)
  t.match(upgrade, { status: 503, headers: { 'retry-after': /^\d+$/ }, problem: { code: 'keys_unavailable' } })
  await until(async () => !await isReady(service), 20_000)
  t.match(await readiness(service), { body: { code: 'not_ready', detail: /^JWKS: .*ECONNREFUSED/ } })
  t.equal((await statsWith(service, known.sign(claims))).status, 200)
  await connect(t, `${service.ws}/ada?token=${known.sign(claims)}`)
  client.send({ type: 'ping' })
  t.match(await client.nextOf('pong'), { type: 'pong' })

  server.keys = [known.jwk(), fresh.jwk()]
  await server.start()
  await until(() => isReady(service), 20_000)
  t.equal((await statsWith(service, fresh.sign(claims))).status, 200)
})

t.test('a start without the key server does not fail, and is ready when there are keys', async (t) => {
  const key = new SigningKey('key')
  const server = await KeyServer.start(t, [key.jwk()])
  const lines: string[] = []
  server.stop()

  const service = await build(t, { JWT_SECRET: '', JWT_JWKS_URL: server.url }, { write: (line) => { lines.push(line) } })

  t.match(await readiness(service), { status: 503, body: { detail: /^JWKS: / } })
  t.equal((await statsWith(service, key.sign(claims))).status, 503)
  await server.start()
  await until(() => isReady(service), 20_000)
  t.equal((await statsWith(service, key.sign(claims))).status, 200)
  t.equal(lines.filter((line) => line.includes('the keys of tokens')).length, 2, 'it is logged when it begins, and when it ends')
})

t.test('of two keys with one name either is right, and no other', async (t) => {
  const [old, next, other] = [new SigningKey('main'), new SigningKey('main'), new SigningKey('main')]
  const [service] = await open(t, [old, next])

  for (const [key, status] of [[old, 200], [next, 200], [other, 401]] as const) t.equal((await statsWith(service, key.sign(claims))).status, status)
  t.match((await statsWith(service, old.sign({ ...claims, exp: 1 }))).body, { code: 'token_expired' }, 'also of the first, where the second fails for another reason')
})

t.test('a stop does not wait for keys', async (t) => {
  const key = new SigningKey('key')
  const [service, server] = await open(t, [key])
  const asked = new Promise<void>((resolve) => { server.answer = () => { resolve() } })
  const refused = refusal(`${service.ws}/ada?token=${new SigningKey('other').sign(claims)}`)
  await asked

  const started = performance.now()
  const stopping = service.app.close()

  t.match(await refused, { status: 503 })
  await stopping
  t.ok(performance.now() - started < 2500)
})
