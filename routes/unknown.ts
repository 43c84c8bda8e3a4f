import type { FastifyPluginAsync, RouteShorthandOptionsWithHandler } from 'fastify'
import fp from 'fastify-plugin'
import { notFound } from '../src/errors.js'

const otherMethods = ['POST', 'PUT', 'PATCH', 'DELETE']

/** Every other address below the prefix: refused here, and not by the 404 of an application that the service is part of. */
const unknownRoutes: FastifyPluginAsync = async (fastify) => {
  const refuse: RouteShorthandOptionsWithHandler = {
    schema: { hide: true },
    onRequest: async ({ method, url }) => { throw notFound(method, url) }, // In a hook, so that an upgrade is refused as well.
    handler: () => {}
  }
  fastify.route({ ...refuse, method: ['GET', ...otherMethods], url: '/*' })
  fastify.route({ ...refuse, method: otherMethods, url: '/' })
}

export default fp(unknownRoutes, { name: 'routes/unknown', encapsulate: true, dependencies: ['problems'] })
