import t from 'tap'
import { clientFrames, decode } from '../../../src/protocol/client-frames.js'

t.test('every known frame is understood', async (t) => {
  for (const { examples } of Object.values(clientFrames)) {
    for (const example of examples) t.strictSame(decode(JSON.stringify(example)), example)
  }
})

t.test('what is wrong is named', async (t) => {
  for (const [text, code, field] of [
    ['', 'invalid_json', undefined],
    ['{"type":', 'invalid_json', undefined],
    ['{"type":"ping","__proto__":{}}', 'invalid_json', undefined],
    ['{"type":"ping","constructor":{"prototype":{}}}', 'invalid_json', undefined],
    ['null', 'invalid_frame', undefined],
    ['7', 'invalid_frame', undefined],
    ['[]', 'invalid_frame', undefined],
    ['{}', 'invalid_frame', 'type'],
    ['{"type":7}', 'invalid_frame', 'type'],
    ['{"type":"constructor"}', 'unknown_type', 'type'],
    ['{"type":"auth"}', 'invalid_frame', 'token'],
    ['{"type":"auth","token":7}', 'invalid_frame', 'token'],
    ['{"type":"ping","id":null}', 'invalid_frame', 'id'],
    ['{"type":"ping","id":true}', 'invalid_frame', 'id'],
    ['{"type":"ping","extra":1}', 'invalid_frame', 'extra'],
    ['{"type":"get_stats","id":1}', 'invalid_frame', 'id']
  ] as const) t.throws(() => decode(text), { code, field }, text)
})

t.test('all that a field may be is named', async (t) => {
  t.throws(() => decode('{"type":"ping","id":null}'), { message: 'id must be string or number' })
})

t.test('an answer does not send much of the question back', async (t) => {
  t.throws(() => decode(JSON.stringify({ type: 'x'.repeat(60_000) })), { message: /^.{0,100}$/ })
  t.throws(() => decode(JSON.stringify({ type: 'ping', ['x'.repeat(60_000)]: 1 })), { message: /^.{0,100}$/ })
})
