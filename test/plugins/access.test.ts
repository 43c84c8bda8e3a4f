import { generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { ALL_SCOPES, build } from '../support/app.js'
import { connect, refusal } from '../support/client.js'
import { sign, signAsymmetric } from '../support/token.js'

t.test('public keys of every kind, and only their own algorithm', async (t) => {
  const kinds = {
    RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    EdDSA: generateKeyPairSync('ed25519')
  } as const

  for (const [alg, { publicKey }] of Object.entries(kinds)) {
    const service = await build(t, { JWT_SECRET: '', JWT_PUBLIC_KEY: publicKey.export({ type: 'spki', format: 'pem' }).toString() })
    for (const other of Object.keys(kinds) as Array<keyof typeof kinds>) {
      const token = signAsymmetric(other, { scope: ALL_SCOPES }, kinds[other].privateKey)
      const { status } = await fetch(`${service.http}/stats`, { headers: { authorization: `Bearer ${token}` } })
      t.equal(status, other === alg ? 200 : 401, `${other} at ${alg}`)
    }
  }
})

t.test('iss and aud are checked where they are configured, and must be there', async (t) => {
  const service = await build(t, { JWT_ISSUER: 'https://id.example.com', JWT_AUDIENCE: 'herald' })
  const statusOf = async (claims: object) =>
    (await fetch(`${service.http}/stats`, { headers: { authorization: `Bearer ${sign({ scope: ALL_SCOPES, ...claims })}` } })).status

  t.equal(await statusOf({ iss: 'https://id.example.com', aud: 'herald' }), 200)
  t.equal(await statusOf({ iss: 'https://id.example.com', aud: ['other', 'herald'] }), 200)
  t.equal(await statusOf({ iss: 'https://evil.example.com', aud: 'herald' }), 401)
  t.equal(await statusOf({ iss: 'https://id.example.com', aud: 'other' }), 401)
  t.equal(await statusOf({ aud: 'herald' }), 401)
  t.equal(await statusOf({ iss: 'https://id.example.com' }), 401)
})

t.test('a 401 says how to come in', async (t) => {
  const service = await build(t)

  const response = await fetch(`${service.http}/stats`, { headers: { authorization: 'Basic abc' } })

  t.equal(response.status, 401)
  t.match(response.headers.get('www-authenticate'), 'Bearer')
})

t.test('and what is wrong with a token (RFC 6750 §3)', async (t) => {
  const service = await build(t)
  const challenge = async (address: string, headers: Record<string, string> = {}) => (await fetch(address, { headers })).headers.get('www-authenticate')
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

  t.equal(await challenge(`${service.http}/stats`), 'Bearer')
  t.equal(await challenge(`${service.http}/stats`, bearer('x')), 'Bearer error="invalid_token"')
  t.equal(await challenge(`${service.http}/stats`, bearer(sign({ scope: 'stats:read', exp: 1 }))), 'Bearer error="invalid_token"')
  t.equal(await challenge(`${service.http}/stats`, bearer(sign({ sub: 'ada' }))), 'Bearer error="insufficient_scope"')
  t.equal(await challenge(`${service.http}/ben`, bearer(sign({ sub: 'ada' }))), 'Bearer error="insufficient_scope"')
  t.equal(await challenge(`${service.http}/nowhere/at/all`), null)
})

t.test('without a key, a user is believed, but a token is checked when it is there', async (t) => {
  const service = await build(t, { JWT_SECRET: '' })

  await connect(t, `${service.ws}/ada`)
  await connect(t, service.ws)
  t.equal((await refusal(`${service.ws}/ada?token=x`)).status, 401)
  t.equal((await refusal(`${service.ws}?token=`)).status, 401)
  t.equal((await fetch(`${service.http}/stats`)).status, 401, 'REST needs a token always')
})

t.test('without a key, who comes from elsewhere through a proxy is refused', async (t) => {
  const service = await build(t, { JWT_SECRET: '', TRUST_PROXY: 'loopback' })
  const through = (address: string) => ({ headers: { 'x-forwarded-for': address } })

  await connect(t, `${service.ws}/ada`, through('127.0.0.1'))
  t.match(await refusal(`${service.ws}/ada`, through('192.0.2.1')), { status: 403, problem: { code: 'key_required' } })
  const credulous = await build(t, { JWT_SECRET: '', TRUST_PROXY: 'true' })
  t.match(await refusal(`${credulous.ws}/ada`, through('127.0.0.1, 192.0.2.1')), { status: 403, problem: { code: 'key_required' } })
})

t.test('without a key, everybody sees the names', async (t) => {
  const service = await build(t, { JWT_SECRET: '' })
  const client = await connect(t, `${service.ws}/ada`)

  client.send({ type: 'get_stats' })

  t.strictSame((await client.nextOf('stats')).data['connected_users'], ['ada'])
})
