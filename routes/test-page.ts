import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import fp from 'fastify-plugin'
import { AppError } from '../src/errors.js'

const root = dirname(fileURLToPath(import.meta.resolve('#public/index.html')))

export interface TestPageOptions {
  enabled: boolean
}

/** The page to try the service with: `/test`, and its files below that. */
const testPageRoutes: FastifyPluginAsyncTypebox<TestPageOptions> = async (fastify, { enabled }) => {
  const address = { url: '/test', method: 'GET', schema: { hide: true }, constraints: { upgrade: 'none' } } as const
  if (!enabled) {
    fastify.route({ ...address, handler: () => { throw new AppError('not_found') } })
    return
  }

  await fastify.register(fastifyStatic, {
    root,
    prefix: '/test/',
    wildcard: false,
    constraints: { upgrade: 'none' },
    index: false,
    cacheControl: false,
    decorateReply: !fastify.hasReplyDecorator('sendFile')
  })
  fastify.route({ ...address, handler: (_request, reply) => reply.sendFile('index.html', root) })
}

export default fp(testPageRoutes, { name: 'routes/test-page', encapsulate: true, dependencies: ['websocket'] })
