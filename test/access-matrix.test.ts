import { createHmac, generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import type { HeraldOptions } from '../src/app.js'
import { ALL_SCOPES, build, SECRET, type Service } from './support/app.js'
import { connect, refusal } from './support/client.js'
import { makeToken, sign, signAsymmetric } from './support/token.js'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const otherRsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const publicPem = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString()

const soon = Math.floor(Date.now() / 1000) + 60
const past = soon - 120
const right = { sub: 'ada', scope: ALL_SCOPES, exp: soon }
const unsigned = makeToken({ alg: 'none' }, right, () => Buffer.alloc(0))
const confused = makeToken({ alg: 'HS256' }, right, (input) => createHmac('sha256', publicPem).update(input).digest())

/** Each way a token can be wrong, for a service with a public key and for one with a secret. */
const carriers = {
  publicKey: {
    none: undefined,
    badSignature: signAsymmetric('RS256', right, otherRsa.privateKey),
    expired: signAsymmetric('RS256', { ...right, exp: past }, rsa.privateKey),
    notYet: signAsymmetric('RS256', { ...right, nbf: soon }, rsa.privateKey),
    algNone: unsigned,
    confused,
    otherUser: signAsymmetric('RS256', { ...right, sub: 'ben' }, rsa.privateKey),
    noScope: signAsymmetric('RS256', { ...right, scope: 'something:else' }, rsa.privateKey),
    right: signAsymmetric('RS256', right, rsa.privateKey)
  },
  secret: {
    none: undefined,
    badSignature: sign(right, 'another secret'),
    expired: sign({ ...right, exp: past }),
    notYet: sign({ ...right, nbf: soon }),
    algNone: unsigned,
    confused,
    otherUser: sign({ ...right, sub: 'ben' }),
    noScope: sign({ ...right, scope: 'something:else' }),
    right: sign(right)
  }
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
  '/api/v1/ws': anonymous,
  '/api/v1/ws/': anonymous,
  '/api/v1/ws/:user_id': socket,
  '/api/v1/ws/stats': scoped,
  '/api/v1/ws/test': always(200),
  '/api/v1/ws/notify': always(404),
  '/api/v1/ws/broadcast': always(404),
  'POST /api/v1/ws/notify/:user_id': scoped,
  'POST /api/v1/ws/broadcast': scoped,
  'OPTIONS /api/v1/ws*': always(204)
})

const services: Array<{ name: string, settings: HeraldOptions, tokens: typeof carriers.secret | typeof carriers.publicKey, table: Record<string, Row> }> = [
  {
    name: 'with a public key',
    settings: { JWT_SECRET: '', JWT_PUBLIC_KEY: publicPem, TEST_PAGE: true },
    tokens: carriers.publicKey,
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

    for (const address of service.addresses) {
      const [method = '', url = ''] = address.split(' ')
      const row = rowOf(table, method, url)
      if (row === undefined) {
        t.fail(`${address} has no row`)
        continue
      }
      for (const [tokenCase, token] of Object.entries(tokens) as Array<[Case, string | undefined]>) {
        t.equal(await statusOf(service, method, url, token), row[tokenCase], `${address}, ${tokenCase}`)
        if (row.right !== 426 && row.none !== 426) continue
        const expected = row[tokenCase] === 426 ? 101 : row[tokenCase]
        t.equal(await upgradeStatusOf(t, service, url, token), expected, `upgrade ${url}, ${tokenCase}`)
      }
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

/** HEAD is answered as GET is; the page's files are all alike, and so is what there is not. */
function rowOf (table: Record<string, Row>, method: string, url: string): Row | undefined {
  if (url.startsWith('/api/v1/ws/test/')) return always(200)
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

async function upgradeStatusOf (t: Parameters<typeof connect>[0], { port }: Service, url: string, token: string | undefined): Promise<number> {
  const address = `ws://127.0.0.1:${port}${url.replace(':user_id', 'ada')}`
  const options = token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }
  try {
    const { socket } = await connect(t, address, options)
    socket.terminate()
    return 101
  } catch {
    return (await refusal(address, options)).status
  }
}
