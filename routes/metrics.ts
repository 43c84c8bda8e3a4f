import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import fp from 'fastify-plugin'
import { Registry } from 'prom-client'
import { processRegistry } from '../src/metrics/process.js'

export interface MetricsRoutesOptions {
  /** Anyone may read them. */
  open: boolean
}

/** For Prometheus: what is told of the service and of its process. */
const metricsRoutes: FastifyPluginAsyncTypebox<MetricsRoutesOptions> = async (fastify, { open }) => {
  const { heraldAccess, heraldMetrics } = fastify
  const ofProcess = processRegistry()

  fastify.get('/metrics', {
    constraints: { upgrade: 'none' },
    schema: {
      tags: ['health'],
      operationId: 'metrics',
      summary: 'Tells Prometheus what happens inside',
      description: 'The metrics of this node and of its process, as text.',
      response: { 200: { description: 'metrics', content: { 'text/plain': { schema: Type.String() } } } }
    },
    ...(!open && { onRequest: heraldAccess.requireScope('stats:read') })
  }, async (_request, reply) => {
    reply.type(ofProcess.contentType)
    return await Registry.merge([heraldMetrics.registry, ofProcess]).metrics()
  })
}

export default fp(metricsRoutes, { name: 'routes/metrics', encapsulate: true, dependencies: ['metrics', 'access', 'websocket'] })
