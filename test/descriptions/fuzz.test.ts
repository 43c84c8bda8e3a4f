import type { ValidateFunction } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import t from 'tap'
import { ALL_SCOPES, build } from '../support/app.js'
import { allowedBy, checkerOf, nearlyAllowedBy, type OpenApi, type Operation, type Schema } from '../support/openapi.js'
import { limited } from '../support/limited.js'
import { sign } from '../support/token.js'

const REQUESTS = 1000
const BATCH = 50

const tokens = {
  right: sign({ sub: 'ada', scope: ALL_SCOPES }),
  noScope: sign({ sub: 'ada', scope: 'something:else' }),
  expired: sign({ sub: 'ada', scope: ALL_SCOPES, exp: 1 }),
  garbage: 'a.b.c',
  none: undefined
}

interface Sent {
  address: string
  operation: Operation
  token: keyof typeof tokens
  params: Record<string, unknown>
  contentType: string
  body: unknown
}

type Check = (schema: Schema) => ValidateFunction

const oneIn = <T>(times: number, seldom: fc.Arbitrary<T>, mostly: fc.Arbitrary<T>) => fc.oneof({ weight: times - 1, arbitrary: mostly }, { weight: 1, arbitrary: seldom })
/** Values that most parameters may not have. */
const unlikely = fc.oneof(fc.string({ unit: 'binary', maxLength: 20 }), fc.string({ minLength: 129, maxLength: 300 }), fc.constantFrom('a\nb', 'a b', 'é'))
/** What a client can put into a path and a header. */
const isSendable = (place: string, value: unknown) => place === 'header'
  ? /^[\x21-\x7e\xa1-\xff]+( [\x21-\x7e\xa1-\xff]+)*$/.test(String(value))
  : !/^(|\.|\.\.|stats|test|notify|broadcast)$|\p{Cs}/u.test(String(value))

function requestOf (address: string, operation: Operation, check: Check): fc.Arbitrary<Sent> {
  const { parameters = [], requestBody } = operation
  const schema = requestBody?.content['application/json']?.schema
  const params = parameters.map(({ in: place, name, required = false, schema }) => [
    name,
    oneIn(8, unlikely, oneIn(4, fc.constant('ada'), allowedBy(schema, check))).filter((value) => isSendable(place, value)),
    required
  ] as const)
  return fc.record({
    address: fc.constant(address),
    operation: fc.constant(operation),
    token: oneIn(4, fc.constantFrom(...Object.keys(tokens) as Array<keyof typeof tokens>), fc.constant('right' as const)),
    params: fc.record(Object.fromEntries(params.map(([name, value]) => [name, value])), { requiredKeys: params.flatMap(([name, , required]) => required ? [name] : []) }),
    contentType: oneIn(12, fc.constantFrom('text/plain', 'application/xml'), fc.constant('application/json')),
    body: schema === undefined ? fc.constant(undefined) : oneIn(3, nearlyAllowedBy(schema), allowedBy(schema, check))
  }) as fc.Arbitrary<Sent>
}

/** The statuses of what is wrong with a request; none: it has to be accepted. */
function expected ({ operation, token, params, contentType, body }: Sent, check: Check): number[] {
  const { security = [], parameters = [], requestBody } = operation
  const schema = requestBody?.content['application/json']?.schema
  const scoped = security.length > 0 && security.every(({ bearer = [] }) => bearer.length > 0)
  const wrong = parameters.some(({ name, schema }) => name in params && !check(schema)(params[name])) || (schema !== undefined && !check(schema)(body))
  return [
    ...(scoped && ['expired', 'garbage', 'none'].includes(token) ? [401] : []),
    ...(scoped && token === 'noScope' ? [403] : []),
    ...(schema !== undefined && contentType !== 'application/json' ? [415] : []),
    ...(wrong ? [400] : [])
  ]
}

async function send (port: number, { address, operation, token, params, contentType, body }: Sent): Promise<Response> {
  const [method = '', path = ''] = address.split(' ')
  const valueOf = (place: string) => (operation.parameters ?? []).filter(({ in: where, name }) => where === place && name in params)
    .map(({ name }): [string, string] => [name, String(params[name])])
  const filled = valueOf('path').reduce((url, [name, value]) => url.replace(`{${name}}`, () => encodeURIComponent(value)), path)
  const query = new URLSearchParams(valueOf('query').filter(([name]) => name !== 'token'))
  return await fetch(`http://127.0.0.1:${port}${filled}?${query}`, {
    method,
    redirect: 'manual',
    headers: {
      ...Object.fromEntries(valueOf('header')),
      ...(tokens[token] !== undefined && { authorization: `Bearer ${tokens[token]}` }),
      ...(body !== undefined && { 'content-type': contentType })
    },
    ...(body !== undefined && { body: JSON.stringify(body) })
  })
}

/** What the description does not allow about an answer. */
function faultOf (sent: Sent, { status, headers }: Response, text: string, check: Check): string | undefined {
  const described = sent.operation.responses[status]
  if (described === undefined) return 'the status is not described'
  const wrong = expected(sent, check)
  if (wrong.length > 0 && !wrong.includes(status)) return `it had to be refused with ${wrong.join(' or ')}`
  if (wrong.length === 0 && sent.operation.security?.every(({ bearer = [] }) => bearer.length > 0) === true && ![200, 422].includes(status)) return 'it had to be accepted'

  const type = headers.get('content-type')?.split(';')[0] ?? ''
  const content = described.content?.[type]
  if (content === undefined) return `${type} is not described`
  if (!type.endsWith('json')) return undefined
  const validate = check(content.schema)
  return validate(JSON.parse(text)) ? undefined : `the body is not as described: ${JSON.stringify(validate.errors)}`
}

t.test('every request that the description leads to is answered as it says', async (t) => {
  const { port } = await build(t, { TEST_PAGE: true, ALLOW_ANONYMOUS: true })
  const openApi = await (await fetch(`http://127.0.0.1:${port}/openapi.json`)).json() as OpenApi
  const check = checkerOf(openApi)
  // Each as often as it has answers: none that is expected below is left to luck.
  const operations = Object.entries(openApi.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({
    weight: Object.keys(operation.responses).length ** 2,
    arbitrary: requestOf(`${method.toUpperCase()} ${path}`, operation, check)
  })))
  const seen = new Map<string, Set<number>>()

  await fc.assert(fc.asyncProperty(fc.array(fc.oneof(...operations), { minLength: BATCH, maxLength: BATCH, size: 'max' }), async (requests) => {
    await Promise.all(requests.map(async (request) => {
      const response = await send(port, request)
      const text = await response.text()
      const fault = faultOf(request, response, text, check)
      if (fault !== undefined) throw new Error(`${JSON.stringify({ ...request, operation: undefined })}: ${response.status} ${text.slice(0, 300)}: ${fault}`)
      seen.set(request.address, (seen.get(request.address) ?? new Set()).add(response.status))
    }))
  }), { numRuns: REQUESTS / BATCH, ...limited(60_000) })

  t.comment(Object.fromEntries([...seen].map(([address, statuses]) => [address, [...statuses].sort().join(' ')])))
  t.equal(seen.size, operations.length, 'every address was asked')
  for (const status of [200, 400, 401, 403, 415]) t.ok(seen.get('POST /api/v1/ws/notify/{user_id}')?.has(status), String(status))
  for (const status of [400, 401, 403, 426]) t.ok(seen.get('GET /api/v1/ws/{user_id}')?.has(status), String(status))
})
