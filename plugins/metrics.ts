import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { Metrics } from '../src/metrics/metrics.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** What is counted and timed, with a registry of its own. The name `metrics` is often another plugin's. */
    heraldMetrics: Metrics
  }
}

const metricsPlugin: FastifyPluginAsync = async (fastify) => {
  const metrics = new Metrics()
  fastify.decorate('heraldMetrics', metrics)
  fastify.addHook('onReady', async () => {
    const { connections, heraldBroker: broker, heraldKeySet: keySet } = fastify
    metrics.watch({ connections, broker, keySet })
  })
}

export default fp(metricsPlugin, { name: 'metrics', fastify: '5.x' })
