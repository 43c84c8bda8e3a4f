import fastify from 'fastify'
import t from 'tap'
import validation from '../../plugins/validation.js'
import { AppError } from '../../src/errors.js'

t.test('the parser of bodies does not throw: not every Fastify that the plugin may be part of catches that', async (t) => {
  const app = fastify()
  let parse: ((request: unknown, body: Buffer, done: (error: Error | null, value?: unknown) => void) => void) | undefined
  app.addContentTypeParser = ((_type: string, _options: object, parser: typeof parse) => { parse = parser }) as typeof app.addContentTypeParser
  await app.register(validation)

  parse?.({ headers: {} }, Buffer.from('{"'), (error) => { t.ok(error instanceof AppError && error.code === 'invalid_json') })
  parse?.({ headers: { 'content-encoding': 'Identity' } }, Buffer.from('{"a":1}'), (error, value) => { t.strictSame([error, value], [null, { a: 1 }]) })
  t.equal(t.count, 2)
})
