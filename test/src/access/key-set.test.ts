import { generateKeyPairSync } from 'node:crypto'
import t, { type Test } from 'tap'
import { AppError } from '../../../src/errors.js'
import { KeySet, type TokenHeader } from '../../../src/access/key-set.js'
import { KeyServer, SigningKey } from '../../support/key-server.js'

const KEEP_MS = 300_000

async function build (t: Test, keys: unknown[]) {
  const server = await KeyServer.start(t, keys)
  const troubles: unknown[] = []
  const keySet = new KeySet({ url: server.url, keepMs: KEEP_MS, onTrouble: (error) => { troubles.push(error) } })
  t.teardown(() => { keySet.close() })
  await keySet.refresh(0)
  /** `found`, or the code of the error. */
  const lookUp = async (header: TokenHeader, now: number): Promise<string> => {
    try {
      const here = keySet.find(header, now)
      const [key] = here.length > 0 ? here : await keySet.fetch(header, now)
      return key?.kid === header.kid || header.kid === undefined ? 'found' : 'another'
    } catch (error) {
      if (error instanceof AppError) return error.code
      throw error
    }
  }
  return { server, keySet, troubles, lookUp }
}

t.test('a key that is here is found without a fetch; many who ask for one that is not share one', async (t) => {
  const [first, second] = [new SigningKey('first'), new SigningKey('second')]
  const { server, lookUp } = await build(t, [first.jwk()])
  t.equal(await lookUp(first.header, 1000), 'found')
  t.equal(server.fetches, 1)

  server.keys = [first.jwk(), second.jwk()]
  const found = await Promise.all(Array.from({ length: 50 }, async () => await lookUp(second.header, 1000)))

  t.strictSame([...new Set(found)], ['found'])
  t.equal(server.fetches, 2)
})

t.test('keys that there are not make no more than a few fetches, and do not keep a new key out', async (t) => {
  const [first, second] = [new SigningKey('first'), new SigningKey('second')]
  const { server, lookUp } = await build(t, [first.jwk()])

  for (let i = 0; i < 100; i++) t.equal(await lookUp({ alg: 'EdDSA', kid: `made up ${i}` }, i), 'token_invalid')
  t.equal(server.fetches, 6)
  t.equal(await lookUp(first.header, 100), 'found')

  server.keys = [second.jwk()]
  t.equal(await lookUp({ alg: 'EdDSA', kid: 'made up' }, 5100), 'token_invalid')
  t.equal(server.fetches, 7)
  t.equal(await lookUp(second.header, 5100), 'found', 'whoever asks, the whole set is fetched')
})

t.test('a key that is no longer in the set stops working when it is fetched anew, and when it cannot be', async (t) => {
  const [first, second] = [new SigningKey('first'), new SigningKey('second')]
  const { server, keySet, lookUp } = await build(t, [first.jwk()])
  server.keys = [second.jwk()]

  await keySet.maintain(KEEP_MS / 10 - 1)
  t.equal(server.fetches, 1)
  await keySet.maintain(KEEP_MS / 10)
  t.equal(server.fetches, 2)
  t.equal(await lookUp(first.header, KEEP_MS / 10), 'token_invalid')
  t.equal(await lookUp(second.header, KEEP_MS / 10), 'found')

  await keySet.maintain(0)
  t.equal(server.fetches, 4, 'the clock was put back')
  await keySet.maintain(KEEP_MS / 2)
  t.equal(server.fetches, 5)

  server.stop()
  t.equal(await lookUp(second.header, KEEP_MS * 1.5 - 1), 'found')
  t.equal(await lookUp(second.header, KEEP_MS * 1.5), 'keys_unavailable')
})

t.test('while the set cannot be fetched it is tried again, less and less often, and only by itself', async (t) => {
  const [first, second] = [new SigningKey('first'), new SigningKey('second')]
  const { server, keySet, lookUp, troubles } = await build(t, [first.jwk()])
  server.answer = (_request, response) => { response.writeHead(500).end() }
  t.equal(keySet.problem(0), undefined)

  t.equal(await lookUp(second.header, 1000), 'keys_unavailable')
  for (let i = 0; i < 20; i++) t.equal(await lookUp(second.header, 1000 + i), 'keys_unavailable')
  t.equal(server.fetches, 2)
  t.equal(await lookUp(first.header, 1000), 'found')
  t.equal(keySet.problem(1000), undefined, 'one attempt that failed says little')
  const fetchedAt: number[] = []
  for (let now = 1000; now <= 20_000; now += 500) {
    const before = server.fetches
    await keySet.maintain(now)
    if (server.fetches > before) fetchedAt.push(now)
  }
  t.strictSame(fetchedAt, [1500, 2500, 4500, 8500, 13_500, 18_500])
  t.match(keySet.problem(20_000), /^JWKS: the answer has status 500/)
  t.equal(await lookUp(first.header, 20_000), 'found')

  server.answer = undefined
  server.keys = [second.jwk()]
  await keySet.refresh(70_000)
  t.equal(keySet.problem(70_000), undefined)
  t.equal(await lookUp(second.header, 70_000), 'found')
  t.equal(troubles.length, 2, 'said when it began, and when it ended')
})

t.test('an answer that is no set is no answer: what is known stays', async (t) => {
  const key = new SigningKey('key')
  const { server, keySet, lookUp } = await build(t, [key.jwk()])
  const answers: Record<string, (end: (body: string) => void) => void> = {
    'no JSON': (end) => { end('<html>') },
    'no object': (end) => { end('null') },
    'no keys': (end) => { end('{}') },
    'too much': (end) => { end(JSON.stringify({ keys: [], more: 'x'.repeat(600_000) })) }
  }

  for (const [name, answer] of Object.entries(answers)) {
    server.answer = (_request, response) => { answer((body) => { response.end(body) }) }
    await keySet.refresh(1000)
    t.equal(await lookUp({ ...key.header, kid: 'other' }, 1000), 'keys_unavailable', name)
    t.equal(await lookUp(key.header, 1000), 'found', name)
  }
  server.answer = (_request, response) => { response.writeHead(302, { location: `${server.url}?elsewhere` }).end() }
  await keySet.refresh(1000)
  t.match(keySet.problem(1000), /redirect/, 'it is not looked for elsewhere')
})

t.test('a server that does not answer is not waited for', async (t) => {
  const { server, lookUp } = await build(t, [])
  server.answer = () => {}
  const started = performance.now()

  t.equal(await lookUp({ alg: 'EdDSA', kid: 'x' }, 1000), 'keys_unavailable')

  t.ok(performance.now() - started < 10_000)
})

t.test('only what verifies signatures is taken, and just for its own algorithm', async (t) => {
  const [rsa, ec, ed] = [new SigningKey('rsa', 'RS256'), new SigningKey('ec', 'ES256'), new SigningKey('ed', 'EdDSA')]
  const { lookUp, keySet } = await build(t, [
    rsa.jwk({ alg: 'RS256' }), ec.jwk({ use: 'sig' }), ed.jwk({ key_ops: ['verify'] }),
    new SigningKey('for encryption', 'RS256').jwk({ use: 'enc' }),
    new SigningKey('for signing', 'ES256').jwk({ key_ops: ['sign'] }),
    new SigningKey('of another algorithm', 'ES256').jwk({ alg: 'RS256' }),
    { kty: 'oct', kid: 'secret', k: Buffer.from('secret').toString('base64url') },
    { ...generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' }), kid: 'agreement' },
    { ...generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export({ format: 'jwk' }), kid: 'curve' },
    null, 'nonsense', { kty: 'RSA', kid: 'broken' }
  ])

  for (const { header } of [rsa, ec, ed]) t.equal(keySet.find(header, 0).length, 1)
  t.strictSame(keySet.find({ alg: 'PS256', kid: 'rsa' }, 0), [], 'the set names the algorithm')
  t.strictSame(keySet.find({ alg: 'ES256', kid: 'rsa' }, 0), [])
  for (const kid of ['for encryption', 'for signing', 'of another algorithm', 'secret', 'agreement', 'curve', 'broken']) {
    for (const alg of ['RS256', 'ES256', 'EdDSA']) t.strictSame(keySet.find({ alg, kid }, 0), [], `${kid}, ${alg}`)
  }
  for (const alg of ['HS256', 'none', 'ES256K']) t.equal(await lookUp({ alg, kid: 'rsa' }, 0), 'token_invalid')
})

t.test('a token that names no key is taken where just one fits it', async (t) => {
  const [rsa, first, second] = [new SigningKey('rsa', 'RS256'), new SigningKey('first'), new SigningKey('second')]
  const { server, lookUp } = await build(t, [rsa.jwk(), first.jwk(), second.jwk()])

  t.equal(await lookUp({ alg: 'RS256' }, 0), 'found')
  t.equal(await lookUp({ alg: 'EdDSA' }, 0), 'token_invalid')
  t.equal(server.fetches, 1)
})

t.test('a set without a key says nothing of a token', async (t) => {
  const { keySet, lookUp } = await build(t, [])

  t.match(keySet.problem(0), /no key/)
  for (let i = 0; i < 10; i++) t.equal(await lookUp({ alg: 'EdDSA', kid: 'x' }, 0), 'keys_unavailable')
})

t.test('a set without a key is fetched again soon', async (t) => {
  const key = new SigningKey('first')
  const { server, keySet, lookUp } = await build(t, [{ kty: 'oct', k: 'c2VjcmV0' }])
  server.keys = [key.jwk()]

  await keySet.maintain(5000)

  t.equal(await lookUp(key.header, 5000), 'found')
  t.equal(keySet.problem(5000), undefined)
  await keySet.maintain(10_000)
  t.equal(server.fetches, 2, 'and from then on as seldom as any')
})
