import { Parser } from '@asyncapi/parser'
import swagger from '@fastify/swagger'
import { Validator } from '@seriousme/openapi-schema-validator'
import { fastify } from 'fastify'
import t from 'tap'
import herald from '../../src/app.js'
import { type ErrorCode, errorEntry, errors } from '../../src/errors.js'
import { clientFrames } from '../../src/protocol/client-frames.js'
import { serverFrames } from '../../src/protocol/server-frames.js'
import { build, SECRET, type Service } from '../support/app.js'
import type { OpenApi, Operation } from '../support/openapi.js'

const read = async ({ port }: Service, name: string) => {
  const response = await fetch(`http://127.0.0.1:${port}/${name}`)
  return { type: response.headers.get('content-type'), text: await response.text() }
}
const openApiOf = async (service: Service) => JSON.parse((await read(service, 'openapi.json')).text) as OpenApi
const operationsOf = ({ paths }: OpenApi): Array<[string, Operation]> => Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]): [string, Operation] => [`${method.toUpperCase()} ${path}`, operation]))

/** Addresses that are not described, and why. */
const hidden: Array<[RegExp, string]> = [
  [/^HEAD /, 'it is GET without the body'],
  [/^OPTIONS /, 'CORS is for browsers'],
  [/^\w+ \/api\/v1\/ws(\/|\/\*)?$/, 'there is nothing, or it is an address with a slash at its end'],
  [/^GET \/api\/v1\/ws\/(notify|broadcast)$/, 'there is nothing but sockets of users of these names'],
  [/^GET \/(api\/v1\/ws\/test|docs)?(\/.*)?$/, 'it is a page, or a file of one']
]

t.test('the OpenAPI description is valid', async (t) => {
  const { type, text } = await read(await build(t), 'openapi.json')

  const { valid, errors } = await new Validator().validate(JSON.parse(text))

  t.ok(valid, JSON.stringify(errors))
  t.match(type, /^application\/json/)
  t.match(JSON.parse(text), { openapi: '3.1.0', info: { title: 'Herald', version: /^\d+\.\d+\.\d+/ } })
})

t.test('every address is described, or hidden for a reason; nothing else is', async (t) => {
  const service = await build(t, { TEST_PAGE: true })
  const described = operationsOf(await openApiOf(service)).map(([address]) => address)

  const addresses = service.addresses.map((address) => address.replace(/:(\w+)/g, '{$1}'))
  for (const address of addresses) t.ok(described.includes(address) || hidden.some(([pattern]) => pattern.test(address)), address)
  for (const address of described) t.ok(addresses.includes(address), address)
})

t.test('every operation says what it is, has a name of its own, and is refused by problems', async (t) => {
  const openApi = await openApiOf(await build(t))
  const operations = operationsOf(openApi)

  t.equal(new Set(operations.map(([, { operationId }]) => operationId)).size, operations.length)
  for (const [address, { operationId, summary, tags, responses }] of operations) {
    t.match({ operationId, summary, tags }, { operationId: /^\w+$/, summary: /^[A-Z]/, tags: [/^\w+$/] }, address)
    for (const [status, { description, content }] of Object.entries(responses)) {
      t.ok(description !== '' && description !== 'Default Response', `${address} ${status}`)
      if (Number(status) >= 400) t.strictSame(Object.keys(content ?? {}), ['application/problem+json'], `${address} ${status}`)
    }
  }
  t.match(openApi.paths['/api/v1/ws/notify/{user_id}']?.['post'], {
    security: [{ bearer: ['notifications:publish'] }],
    parameters: [{ in: 'path', name: 'user_id' }, { in: 'header', name: 'idempotency-key' }],
    requestBody: { content: { 'application/json': { example: { notification_type: String } } } },
    responses: {
      200: { headers: { 'idempotency-replayed': Object } },
      503: { headers: { 'Retry-After': Object }, content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } }
    }
  })
})

t.test('every code that refuses a request stands at an address, or is one of any', async (t) => {
  const text = (await read(await build(t), 'openapi.json')).text
  const anywhere = ['not_found', 'request_timeout', 'headers_too_large']

  const codes = (Object.keys(errors) as ErrorCode[]).filter((code) => errorEntry(code).status !== undefined && !anywhere.includes(code))

  for (const code of codes) t.ok(text.includes(`"urn:herald:error:${code}"`), code)
})

t.test('the AsyncAPI description is valid, and has every frame, both ways, and every close code', async (t) => {
  const service = await build(t)
  const { type, text } = await read(service, 'asyncapi.json')

  const { document, diagnostics } = await new Parser().parse(text)

  t.match(type, /^application\/json/)
  t.strictSame(diagnostics.filter(({ code }) => code !== 'asyncapi-latest-version').map(({ message, path }) => `${path.join('.')}: ${message}`), [])
  const framesOf = (action: 'isSend' | 'isReceive') => document?.operations().all().filter((operation) => operation[action]()).map((operation) =>
    operation.messages().all().map((message) => message.name())) ?? []
  t.strictSame(framesOf('isSend'), [Object.keys(serverFrames), Object.keys(serverFrames)])
  t.strictSame(framesOf('isReceive'), [Object.keys(clientFrames), Object.keys(clientFrames)])
  t.strictSame(document?.channels().all().map((channel) => channel.address()), ['/api/v1/ws/{user_id}', '/api/v1/ws'])
  t.match(document?.servers().all()[0]?.json(), { host: `127.0.0.1:${service.port}`, protocol: 'ws' })
  const closeCodes = (Object.keys(errors) as ErrorCode[]).flatMap((code) => errorEntry(code).close ?? []).sort((one, other) => one - other)
  for (const channel of document?.channels().all() ?? []) t.strictSame(channel.json<{ 'x-close-codes': Array<{ code: number }> }>()['x-close-codes'].map(({ code }) => code), closeCodes)
  for (const code of closeCodes) t.match(document?.info().description(), `- ${code} `)
})

t.test('an application with a description of its own has the addresses in it', async (t) => {
  for (const options of [{ openapi: { openapi: '3.1.0', info: { title: 'Mine', version: '1' } } }, {}]) {
    const app = fastify()
    t.teardown(() => app.close())
    await app.register(swagger, options)
    app.get('/own', { schema: { summary: 'Mine' } }, async () => 'own')
    await app.register(herald, { BROKER_URL: 'memory:', JWT_SECRET: SECRET, prefix: '/push' })
    await app.ready()

    const description = JSON.parse(JSON.stringify(app.swagger()))

    t.match(description.paths, { '/own': { get: { summary: 'Mine' } }, '/push/api/v1/ws/broadcast': { post: { operationId: 'broadcast' } } })
    t.notOk('/openapi.json' in description.paths || '/push/api/v1/ws/*' in description.paths)
    if ('openapi' in options) t.match(await new Validator().validate(description), { valid: true })
  }
})
