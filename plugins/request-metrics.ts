import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

/** Times the requests of the routes that follow. An upgrade that is accepted is never answered, and so not among them. */
const requestMetricsPlugin: FastifyPluginAsync = async (fastify) => {
  fastify.addHook('onResponse', ({ method, routeOptions, server }, { statusCode, elapsedTime }, done) => {
    server.heraldMetrics.answered(method, routeOptions.url ?? '', statusCode, elapsedTime)
    done()
  })
}

export default fp(requestMetricsPlugin, { name: 'request-metrics', fastify: '5.x', dependencies: ['metrics'] })
