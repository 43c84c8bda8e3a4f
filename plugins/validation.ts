import type { TSchema } from '@sinclair/typebox'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { AppError } from '../src/errors.js'
import { parseJson } from '../src/protocol/json.js'
import { compile } from '../src/protocol/validator.js'

/** Bodies are JSON only, and are parsed and checked by what parses and checks frames. An application around this one may have other schemas than ours. */
const validationPlugin: FastifyPluginAsync = async (fastify) => {
  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, ({ headers }: FastifyRequest, body: Buffer, done) => {
    let value
    try {
      const { 'content-encoding': encoding = '' } = headers
      if (!['', 'identity'].includes(encoding.trim().toLowerCase())) throw new AppError('unsupported_media_type', `The body is encoded (${encoding}), and has to be application/json as it is`)
      value = parseJson(body)
    } catch (error) {
      done(error as Error)
      return
    }
    done(null, value)
  })
  fastify.setValidatorCompiler<TSchema>(({ schema }) => compile(schema))
  fastify.setSerializerCompiler(() => JSON.stringify)
}

export default fp(validationPlugin, { name: 'validation', fastify: '5.x' })
