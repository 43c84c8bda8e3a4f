import { createHmac } from 'node:crypto'
import t, { type Test } from 'tap'
import type { HeraldOptions } from '../src/app.js'
import { ALL_SCOPES, build, SECRET, type Service } from './support/app.js'
import { connect, refusal } from './support/client.js'
import { KeyServer, SigningKey } from './support/key-server.js'
import { makeToken, sign } from './support/token.js'

const soon = Math.floor(Date.now() / 1000) + 60
const past = soon - 120
const right = { sub: 'ada', scope: ALL_SCOPES, exp: soon }
const unsigned = makeToken({ alg: 'none' }, right, () => Buffer.alloc(0))

/** Each way a token can be wrong; `signWith` signs as somebody else when it is told to. */
const tokensOf = (signWith: (claims: object, asAnother?: true) => string, confused: string) => ({
  none: undefined,
  badSignature: signWith(right, true),
  expired: signWith({ ...right, exp: past }),
  notYet: signWith({ ...right, nbf: soon }),
  algNone: unsigned,
  confused,
  otherUser: signWith({ ...right, sub: 'ben' }),
  noScope: signWith({ ...right, scope: 'something:else' }),
  right: signWith(right)
})

const tokensOfKey = (key: SigningKey) => {
  const another = new SigningKey(key.kid, key.header.alg)
  const confused = makeToken({ alg: 'HS256', kid: key.kid }, right, (input) => createHmac('sha256', key.pem).update(input).digest())
  return tokensOf((claims, asAnother) => (asAnother === true ? another : key).sign(claims), confused)
}

const keys = { rsa: new SigningKey('a', 'RS256'), ec: new SigningKey('b', 'ES256'), ed: new SigningKey('c', 'EdDSA') }
const keyServer = await KeyServer.start(t, Object.values(keys).map((key) => key.jwk()))
const carriers = {
  rsa: tokensOfKey(keys.rsa),
  ec: tokensOfKey(keys.ec),
  ed: tokensOfKey(keys.ed),
  secret: tokensOf((claims, asAnother) => sign(claims, asAnother === true ? 'another secret' : SECRET), tokensOfKey(keys.rsa).confused)
}

type Case = keyof typeof carriers.secret
type Row = Record<Case, number>

const always = (status: number): Row => ({
  none: status, badSignature: status, expired: status, notYet: status, algNone: status, confused: status, otherUser: status, noScope: status, right: status
})
/** A bad token is refused wherever one is looked at. */
const badTokens = { badSignature: 401, expired: 401, notYet: 401, algNone: 401, confused: 401 }
const scoped: Row = { ...badTokens, none: 401, otherUser: 200, noScope: 403, right: 200 }
const ownSocket: Row = { ...badTokens, none: 401, otherUser: 403, noScope: 426, right: 426 }
const ownSocketOptional: Row = { ...ownSocket, none: 426 }
const anonymousAllowed: Row = { ...badTokens, none: 426, otherUser: 426, noScope: 426, right: 426 }
const anonymousForbidden: Row = { ...badTokens, none: 401, otherUser: 403, noScope: 403, right: 403 }

/** What every address answers; 426 stands for a socket, which an upgrade gets as 101. */
const rows = (socket: Row, anonymous: Row): Record<string, Row> => ({
  '/': always(302),
  '/health/live': always(200),
  '/health/ready': always(200),
  '/metrics': scoped,
  '/openapi.json': always(200),
  '/asyncapi.json': always(200),
  '/docs/static/index.html': always(302),
  '/docs/static/*': always(404),
  '/api/v1/ws': anonymous,
  '/api/v1/ws/': anonymous,
  '/api/v1/ws/:user_id': socket,
  '/api/v1/ws/stats': scoped,
  '/api/v1/ws/test': always(200),
  '/api/v1/ws/notify': always(404),
  '/api/v1/ws/broadcast': always(404),
  'POST /api/v1/ws/notify/:user_id': scoped,
  'POST /api/v1/ws/broadcast': scoped,
  'DELETE /api/v1/ws/connections/:user_id': scoped,
  'OPTIONS /api/v1/ws*': always(204)
})

const services: Array<{ name: string, settings: HeraldOptions, tokens: typeof carriers.secret, table: Record<string, Row> }> = [
  ...Object.entries(keys).map(([kind, { pem }]) => ({
    name: `with a public key, ${kind}`,
    settings: { JWT_SECRET: '', JWT_PUBLIC_KEY: pem, TEST_PAGE: true },
    tokens: carriers[kind as keyof typeof keys],
    table: rows(ownSocket, anonymousForbidden)
  })),
  {
    name: 'with a key set',
    settings: { JWT_SECRET: '', JWT_JWKS_URL: keyServer.url, TEST_PAGE: true },
    tokens: carriers.ec,
    table: rows(ownSocket, anonymousForbidden)
  },
  {
    name: 'with a secret',
    settings: { JWT_SECRET: SECRET, TEST_PAGE: true, ALLOW_ANONYMOUS: true },
    tokens: carriers.secret,
    table: rows(ownSocket, anonymousAllowed)
  },
  {
    name: 'with a secret, and tokens asked of nobody',
    settings: { JWT_SECRET: SECRET, TEST_PAGE: true, WS_AUTH: 'optional' },
    tokens: carriers.secret,
    table: rows(ownSocketOptional, anonymousForbidden)
  }
]

for (const { name, settings, tokens, table } of services) {
  t.test(name, async (t) => {
    const service = await build(t, settings)

    for (const address of service.addresses.filter(isNoCopy)) {
      const [method = '', url = ''] = address.split(' ')
      const row = rowOf(table, method, url)
      if (row === undefined) {
        t.fail(`${address} has no row`)
        continue
      }
      await Promise.all((Object.entries(tokens) as Array<[Case, string | undefined]>).map(async ([tokenCase, token]) => {
        t.equal(await statusOf(service, method, url, token), row[tokenCase], `${address}, ${tokenCase}`)
        if (row.right !== 426 && row.none !== 426) return
        const expected = row[tokenCase] === 426 ? 101 : row[tokenCase]
        t.equal(await upgradeStatusOf(t, service, url, token), expected, `upgrade ${url}, ${tokenCase}`)
      }))
    }
  })
}

/** What an `auth` frame gets. */
const answers: Omit<Record<Case, string>, 'none'> = {
  badSignature: 'token_invalid',
  expired: 'token_expired',
  notYet: 'token_invalid',
  algNone: 'token_invalid',
  confused: 'token_invalid',
  otherUser: 'wrong_user',
  noScope: 'auth',
  right: 'auth'
}

for (const { name, settings, tokens } of services) {
  t.test(`${name}: a token means the same, however it comes`, async (t) => {
    const service = await build(t, { ...settings, MAX_ERRORS: 0 })
    const address = `${service.ws}/ada`
    const running = await connect(t, `${address}?token=${tokens.right}`)
    await running.next()

    for (const [tokenCase, answer] of Object.entries(answers) as Array<[keyof typeof answers, string]>) {
      const token = String(tokens[tokenCase])
      const expected = ownSocket[tokenCase] === 426 ? 101 : ownSocket[tokenCase]
      t.equal(await handshake(t, `${address}?token=${token}`), expected, `query, ${tokenCase}`)
      t.equal(await handshake(t, address, { protocols: ['herald.v1', `bearer.${token}`] }), expected, `subprotocol, ${tokenCase}`)
      running.send({ type: 'auth', token })
      const { type, data } = await running.next()
      t.equal(type === 'error' ? data['code'] : type, answer, `frame, ${tokenCase}`)
    }
  })
}

t.test('an upgrade at an address that is no socket is refused, and its token is not logged', async (t) => {
  const lines: string[] = []
  const service = await build(t, { JWT_SECRET: SECRET, TEST_PAGE: true, LOG_LEVEL: 'trace' }, { write: (line) => { lines.push(line) } })

  for (const address of service.addresses.filter((address) => address.startsWith('GET ') && !isSocket(address))) {
    const path = address.replace('GET ', '').replace('*', 'x/y')
    const { status } = await refusal(`ws://127.0.0.1:${service.port}${path}?token=${carriers.secret.right}`)
    t.equal(status, path.startsWith('/api/v1/ws/') && !path.slice(11).includes('/') ? 403 : 404, path)
  }

  t.notMatch(lines.join(), carriers.secret.right.split('.')[2])
  t.equal(service.app.connections.getTotalConnectionsCount(), 0)
})

const isSocket = (address: string): boolean => ['GET /api/v1/ws', 'GET /api/v1/ws/', 'GET /api/v1/ws/:user_id'].includes(address)

/** Of the files of a page one is enough. */
const isNoCopy = (address: string): boolean => !/\/(docs\/static|test)\/.*\.(?!html|js$)\w+$/.test(address) && !/\/test\/(?!app)\w[\w-]*\.js$/.test(address)

/** HEAD is answered as GET is; the page's files are all alike, and so is what there is not. */
function rowOf (table: Record<string, Row>, method: string, url: string): Row | undefined {
  if (url.startsWith('/api/v1/ws/test/') || (url.startsWith('/docs') && table[url] === undefined)) return always(200)
  if (url === '/api/v1/ws/*' || (/^\/api\/v1\/ws\/?$/.test(url) && !['GET', 'HEAD'].includes(method))) return always(404)
  return table[['GET', 'HEAD'].includes(method) ? url : `${method} ${url}`]
}

async function statusOf ({ port }: Service, method: string, url: string, token: string | undefined): Promise<number> {
  const path = url.replace(':user_id', 'ada').replace('*', 'x/y')
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    redirect: 'manual',
    headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), 'content-type': 'application/json' },
    ...(method === 'POST' && { body: JSON.stringify({ notification_type: 'info', message: {} }) })
  })
  await response.arrayBuffer()
  return response.status
}

async function upgradeStatusOf (t: Test, { port }: Service, url: string, token: string | undefined): Promise<number> {
  return await handshake(t, `ws://127.0.0.1:${port}${url.replace(':user_id', 'ada')}`, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } })
}

async function handshake (t: Test, address: string, options: Parameters<typeof connect>[2] = {}): Promise<number> {
  try {
    const { socket } = await connect(t, address, options)
    socket.terminate()
    return 101
  } catch {
    return (await refusal(address, options)).status
  }
}
