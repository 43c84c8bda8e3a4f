import cors from '@fastify/cors'
import type { FastifyPluginAsync, FastifyRequest, preHandlerAsyncHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { originAllowed, type OriginPolicy } from '../src/access/origins.js'
import { AppError } from '../src/errors.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** A hook that refuses the pages that may not connect. */
    checkOrigin: preHandlerAsyncHookHandler
  }
}

/** Which pages may connect, and to which REST answers CORS. */
const originsPlugin: FastifyPluginAsync<OriginPolicy> = async (fastify, policy) => {
  const allowed = ({ headers, host }: FastifyRequest) => headers.origin === undefined || originAllowed(headers.origin, host, policy)

  /** Services ask nothing, and then no headers need be written that nobody reads. */
  const asks = ({ method, headers }: FastifyRequest) => method === 'OPTIONS' || headers.origin !== undefined
  const notShared = { origin: false }
  const shared = {
    origin: true,
    methods: ['GET', 'POST', 'DELETE'],
    allowedHeaders: ['Authorization', 'Content-Type', 'Idempotency-Key', 'X-Request-Id'],
    exposedHeaders: ['Idempotency-Replayed', 'Retry-After', 'X-Request-Id'],
    maxAge: 600,
    strictPreflight: false
  }
  // An application that this is part of may answer CORS for all of its addresses already.
  if (!fastify.hasRequestDecorator('corsPreflightEnabled')) {
    await fastify.register(cors, {
      delegator: (request, done) => { done(null, asks(request) && allowed(request) ? shared : notShared) }
    })
  }
  fastify.decorate('checkOrigin', async (request) => {
    if (!allowed(request)) throw new AppError('origin_forbidden')
  })
}

export default fp(originsPlugin, { name: 'origins', fastify: '5.x' })
