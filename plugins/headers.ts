import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

export interface HeadersOptions {
  /** Whether an answer says the id of its request, which the log has too. */
  requestId: boolean
}

/** Headers of every answer. Set in one hook that waits for nothing: publishing goes through it. */
const headersPlugin: FastifyPluginAsync<HeadersOptions> = async (fastify, { requestId }) => {
  fastify.addHook('onRequest', ({ id }, reply, done) => {
    reply.header('x-content-type-options', 'nosniff')
    reply.header('cache-control', 'no-store')
    if (requestId) reply.header('x-request-id', id)
    done()
  })
}

export default fp(headersPlugin, { name: 'herald-headers', fastify: '5.x' })
