import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import fp from 'fastify-plugin'
import { HealthReplySchema } from '../src/protocol/rest.js'
import { whyNotReady } from '../src/readiness.js'

/** For who starts and stops the service, and for load balancers: whether it runs, and whether it does its work. */
const healthRoutes: FastifyPluginAsyncTypebox = async (fastify) => {
  const address = { method: 'GET', constraints: { upgrade: 'none' }, config: { otel: false } } as const
  const schema = { tags: ['health'], response: { 200: HealthReplySchema } } as const
  fastify.route({
    ...address,
    url: '/health/live',
    schema: { ...schema, operationId: 'live', summary: 'Tells whether it runs' },
    handler: () => ({ status: 'ok' as const })
  })
  fastify.route({
    ...address,
    url: '/health/ready',
    schema: { ...schema, operationId: 'ready', summary: 'Tells whether it does its work', description: 'Whether notifications can be kept, connections opened and tokens verified.' },
    config: { ...address.config, describe: { errors: ['shutting_down', 'not_ready'] } },
    handler () {
      const { connections, heraldBroker: broker, heraldKeySet: keySet } = fastify
      const reason = whyNotReady({ connections, broker, keySet })
      if (reason !== undefined) throw reason
      return { status: 'ok' as const }
    }
  })
}

export default fp(healthRoutes, { name: 'routes/health', encapsulate: true, dependencies: ['connections', 'notifications', 'key-set', 'websocket'] })
