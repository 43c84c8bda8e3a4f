import t from 'tap'
import { addressOf, build } from '../support/app.js'
import { connect, refusal } from '../support/client.js'

const origin = 'https://app.example.com'

t.test('an upgrade from a page that is not allowed is refused, any client without an Origin is fine', async (t) => {
  const service = await build(t, { ALLOWED_ORIGINS: origin })

  await connect(t, addressOf(service, 'ada'), { origin })
  await connect(t, addressOf(service, 'ada'))
  const { status, problem } = await refusal(addressOf(service, 'ada'), { origin: 'https://evil.example.com' })

  t.equal(status, 403)
  t.match(problem, { code: 'origin_forbidden' })
  const plain = await fetch(addressOf(service, 'ada').replace('ws:', 'http:'), { headers: { origin: 'https://evil.example.com' } })
  t.equal(plain.status, 403, 'the plain GET says the same')
})

t.test('by default it is the host that was asked', async (t) => {
  const service = await build(t)

  await connect(t, addressOf(service, 'ada'), { origin: `http://127.0.0.1:${service.port}` })
  t.equal((await refusal(addressOf(service, 'ada'), { origin: 'http://localhost:3000' })).status, 403)
})

t.test('without a key, pages of any loopback origin may connect', async (t) => {
  const service = await build(t, { JWT_SECRET: '' })

  await connect(t, `${service.ws}/ada`, { origin: 'http://localhost:3000' })
  t.equal((await refusal(`${service.ws}/ada`, { origin })).status, 403)
})

t.test('REST answers CORS to the same pages', async (t) => {
  const service = await build(t, { ALLOWED_ORIGINS: origin })
  const preflight = async (from: string) => await fetch(`${service.http}/broadcast`, {
    method: 'OPTIONS',
    headers: { origin: from, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' }
  })

  const good = await preflight(origin)
  t.equal(good.status, 204)
  t.equal(good.headers.get('access-control-allow-origin'), origin)
  t.match(good.headers.get('access-control-allow-headers'), /authorization/i)
  t.match(good.headers.get('access-control-allow-headers'), /idempotency-key/i)
  t.equal((await preflight('https://evil.example.com')).headers.get('access-control-allow-origin'), null)
  const exposed = (await fetch(`${service.http}/stats`, { headers: { origin } })).headers.get('access-control-expose-headers')
  for (const name of ['Idempotency-Replayed', 'Retry-After', 'X-Request-Id']) t.match(exposed, name)
  const evil = await fetch(`${service.http}/stats`, { headers: { origin: 'https://evil.example.com' } })
  t.equal(evil.headers.get('access-control-allow-origin'), null)
  t.equal(evil.headers.get('vary'), 'Origin')
  const ofService = await fetch(`${service.http}/stats`)
  t.strictSame([...ofService.headers.keys()].filter((name) => name.startsWith('access-control-')), [], 'a service is answered without')
})
