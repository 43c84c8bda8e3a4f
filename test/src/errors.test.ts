import t from 'tap'
import { type ErrorCode, errorEntry, errors } from '../../src/errors.js'

t.test('every text fits into a close frame, every code means something', async (t) => {
  for (const code of Object.keys(errors) as ErrorCode[]) {
    const { close, text } = errorEntry(code)
    t.ok(Buffer.byteLength(text) <= 123, code)
    t.ok(close === undefined || (close >= 1000 && close <= 1013) || (close >= 4000 && close <= 4999), code)
  }
})
