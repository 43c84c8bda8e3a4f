import fc from 'fast-check'

/** The default of `MAX_MESSAGE_BYTES` and `MAX_BODY_BYTES`. */
export const MAX_BYTES = 65_536

const hostileKeys = fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '', 'type', 'id', '\ud800', 'a'.repeat(300))
const hugeNumbers = fc.constantFrom('1e999', '-1e999', '9'.repeat(400), '-0', '1e-999', '0.1e308', '123456789012345678901234567890')
const jsonText = fc.oneof(
  fc.json({ maxDepth: 4 }),
  fc.json({ stringUnit: 'binary' }),
  fc.dictionary(hostileKeys, fc.jsonValue()).map((value) => JSON.stringify(value)),
  fc.constantFrom('{"__proto__":{"a":1}}', '{"constructor":{"prototype":{"a":1}}}', '"\\ud800"', '{"\\u005f_proto__":1}'),
  hugeNumbers,
  hugeNumbers.map((number) => `{"n":[${number}]}`),
  fc.tuple(fc.constantFrom('[', '{"a":', '{"__proto__":', '{"type":'), fc.integer({ min: 1000, max: 8000 }), fc.boolean()).map(([open, levels, closed]) =>
    open.repeat(levels) + '1' + (closed ? (open === '[' ? ']' : '}').repeat(levels) : ''))
)

const truncated = (text: fc.Arbitrary<string>) => fc.tuple(text, fc.double({ min: 0, max: 1, noNaN: true }))
  .map(([whole, part]) => whole.slice(0, Math.floor(whole.length * part)))

/** A JSON object whose fields are each right, wrong, missing or of another type, sometimes with surplus ones. */
const nearly = (fields: Record<string, fc.Arbitrary<string>>) => fc.tuple(
  fc.record(Object.fromEntries(Object.entries(fields).map(([name, right]) => [name, fc.oneof({ weight: 6, arbitrary: right }, jsonText)])), { requiredKeys: [] }),
  fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, fc.array(fc.tuple(hostileKeys, jsonText), { maxLength: 2 }))
).map(([known, surplus]) => `{${[...Object.entries(known), ...surplus].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`)

const quoted = (...values: string[]) => fc.constantFrom(...values.map((value) => JSON.stringify(value)))
const utf8 = (text: fc.Arbitrary<string>) => text.map((value) => Buffer.from(value))
const randomBytes = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))

/** A message on a socket. */
export const hostileFrame = fc.record({
  data: fc.oneof(
    { weight: 4, arbitrary: randomBytes },
    { weight: 8, arbitrary: utf8(nearly({ type: quoted('ping', 'get_stats', 'disconnect', 'auth', 'toString', '__proto__', ''), id: fc.oneof(quoted('1', '', '\ud800'), fc.integer().map(String), hugeNumbers) })) },
    { weight: 4, arbitrary: utf8(jsonText) },
    { weight: 2, arbitrary: utf8(truncated(fc.oneof(jsonText, nearly({ type: quoted('ping') })))) },
    { weight: 2, arbitrary: utf8(fc.constantFrom('{"type":"ping"}', '{"type":"get_stats"}', '{"type":"ping","id":7}', ' {"type" : "ping"}\n')) },
    { weight: 1, arbitrary: fc.constantFrom(Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"\uFEFF"'), Buffer.from('\uFEFF{"type":"ping"}'), Buffer.alloc(0), Buffer.alloc(MAX_BYTES, '['), Buffer.alloc(MAX_BYTES + 1, ' ')) }
  ),
  binary: fc.oneof({ weight: 60, arbitrary: fc.constant(false) }, fc.constant(true)),
  /** Sent in two fragments (RFC 6455 §5.4). */
  split: fc.oneof({ weight: 10, arbitrary: fc.constant(false) }, fc.constant(true))
})

export type HostileFrame = typeof hostileFrame extends fc.Arbitrary<infer T> ? T : never

const notificationFields = {
  notification_type: fc.oneof(quoted('info', 'x'.repeat(64), 'x'.repeat(65), '', '\ud800'), fc.string().map((text) => JSON.stringify(text))),
  message: fc.oneof(fc.constantFrom('{}', '{"title":"Hello"}', '{"n":1e999}'), fc.dictionary(hostileKeys, fc.jsonValue()).map((value) => JSON.stringify(value)))
}

/** A POST. */
export const hostilePost = fc.record({
  path: fc.constantFrom('/notify/ada', '/notify/nobody', '/broadcast'),
  contentType: fc.oneof(
    { weight: 8, arbitrary: fc.constant('application/json') },
    fc.constantFrom('application/json; charset=utf-8', 'application/json;;', 'text/plain', 'text/plain;application/json', 'application/x-www-form-urlencoded', 'multipart/form-data', 'application/problem+json', 'json', '/', '')
  ),
  body: fc.oneof(
    { weight: 2, arbitrary: randomBytes },
    { weight: 3, arbitrary: utf8(jsonText) },
    { weight: 6, arbitrary: utf8(nearly(notificationFields)) },
    { weight: 4, arbitrary: utf8(nearly({ ...notificationFields, exclude_user: quoted('ada', 'ben', '', 'x'.repeat(129), '\u0000') })) },
    { weight: 2, arbitrary: utf8(truncated(nearly(notificationFields))) },
    { weight: 1, arbitrary: fc.constantFrom(Buffer.alloc(0), Buffer.alloc(MAX_BYTES + 1, ' '), Buffer.from(`{"notification_type":"a","message":{"a":"${'x'.repeat(MAX_BYTES)}"}}`)) }
  )
})

export type HostilePost = typeof hostilePost extends fc.Arbitrary<infer T> ? T : never
