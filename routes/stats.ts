import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import fp from 'fastify-plugin'
import { StatsReplySchema } from '../src/protocol/rest.js'

const statsRoutes: FastifyPluginAsyncTypebox = async (fastify) => {
  fastify.get('/stats', {
    constraints: { upgrade: 'none' },
    onRequest: fastify.access.requireScope('stats:read'),
    schema: { response: { 200: StatsReplySchema } }
  }, async () => fastify.connections.stats())
}

export default fp(statsRoutes, { name: 'routes/stats', encapsulate: true, dependencies: ['connections', 'access', 'websocket'] })
