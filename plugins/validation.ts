import type { TSchema } from '@sinclair/typebox'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { parseJson } from '../src/protocol/json.js'
import { compile } from '../src/protocol/validator.js'

/** Bodies are JSON only, and are parsed and checked by what parses and checks frames. */
const validationPlugin: FastifyPluginAsync = async (fastify) => {
  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request: unknown, body: Buffer, done) => {
    let value
    try {
      value = parseJson(body)
    } catch (error) {
      done(error as Error)
      return
    }
    done(null, value)
  })
  fastify.setValidatorCompiler<TSchema>(({ schema }) => compile(schema))
}

export default fp(validationPlugin, { name: 'validation', fastify: '5.x' })
