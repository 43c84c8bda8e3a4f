import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import fp from 'fastify-plugin'
import { StatsReplySchema } from '../src/protocol/rest.js'

const statsRoutes: FastifyPluginAsyncTypebox = async (fastify) => {
  fastify.get('/stats', {
    constraints: { upgrade: 'none' },
    onRequest: fastify.heraldAccess.requireScope('stats:read'),
    schema: {
      operationId: 'stats',
      tags: ['connections'],
      summary: 'Tells who is connected',
      response: { 200: Type.Unsafe<Buffer>(StatsReplySchema) } // It is encoded already.
    },
    config: { describe: { errors: ['not_ready'] } }
  }, async (_request, reply) => {
    reply.type('application/json; charset=utf-8')
    return await fastify.connections.stats(Date.now())
  })
}

export default fp(statsRoutes, { name: 'routes/stats', encapsulate: true, dependencies: ['connections', 'access', 'websocket'] })
