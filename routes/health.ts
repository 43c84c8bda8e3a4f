import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import fp from 'fastify-plugin'
import { AppError } from '../src/errors.js'
import { HealthReplySchema } from '../src/protocol/rest.js'

/** For who starts and stops the service, and for load balancers: whether it runs, and whether it does its work. */
const healthRoutes: FastifyPluginAsyncTypebox = async (fastify) => {
  const { broker, connections } = fastify
  const address = { method: 'GET', constraints: { upgrade: 'none' }, schema: { response: { 200: HealthReplySchema } } } as const
  fastify.route({ ...address, url: '/health/live', handler: () => ({ status: 'ok' as const }) })
  fastify.route({
    ...address,
    url: '/health/ready',
    handler () {
      if (connections.stopping) throw new AppError('shutting_down')
      const problem = broker.problem()
      if (problem !== undefined) throw new AppError('not_ready', problem)
      return { status: 'ok' as const }
    }
  })
}

export default fp(healthRoutes, { name: 'routes/health', encapsulate: true, dependencies: ['connections', 'notifications', 'websocket'] })
