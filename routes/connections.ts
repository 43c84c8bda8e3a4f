import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import fp from 'fastify-plugin'
import { DisconnectOutcomeSchema, UserParamsSchema } from '../src/protocol/rest.js'

const connectionsRoutes: FastifyPluginAsyncTypebox = async (fastify) => {
  // A body would mean nothing, and some clients say that it is JSON where there is none.
  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser('*', async () => undefined)

  fastify.delete('/connections/:user_id', {
    onRequest: fastify.heraldAccess.requireScope('connections:manage'),
    schema: {
      tags: ['connections'],
      operationId: 'disconnectUser',
      summary: 'Closes the sockets of a user',
      description: 'On all nodes, with 4503, which tells their clients not to come back. A token that is still valid lets him come back nevertheless.',
      params: UserParamsSchema,
      response: { 200: DisconnectOutcomeSchema }
    },
    config: { describe: { errors: ['not_ready'] } }
  }, async ({ params }) => ({ closed: await fastify.connections.disconnectUser(params.user_id) }))
}

export default fp(connectionsRoutes, { name: 'routes/connections', encapsulate: true, dependencies: ['connections', 'notifications', 'validation', 'access'] })
