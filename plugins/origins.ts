import { promisify } from 'node:util'
import cors, { type FastifyCorsOptions } from '@fastify/cors'
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest, onRequestHookHandler, preHandlerAsyncHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { originAllowed, type OriginPolicy } from '../src/access/origins.js'
import { AppError } from '../src/errors.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** A hook that refuses the pages that may not connect. */
    heraldCheckOrigin: preHandlerAsyncHookHandler
  }
}

/** Which pages may connect, and to which REST answers CORS. */
const originsPlugin: FastifyPluginAsync<OriginPolicy> = async (fastify, policy) => {
  const allowed = ({ headers, host }: FastifyRequest) => headers.origin === undefined || originAllowed(headers.origin, host, policy)

  /** Services ask nothing, and their answers say nothing of CORS, not even `Vary`: nobody may keep them (`no-store`). */
  const asks = ({ method, headers }: FastifyRequest) => method === 'OPTIONS' || headers.origin !== undefined
  /** The library builds its options anew for each request, a fifth of what one costs: those that ask nothing are kept from it. */
  const forPages: FastifyInstance = Object.create(fastify, {
    addHook: {
      value: (name: 'onRequest', hook: onRequestHookHandler) => fastify.addHook(name, function (request, reply, done) {
        if (asks(request)) hook.call(this, request, reply, done)
        else done()
      })
    }
  })
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
    await promisify<FastifyInstance, FastifyCorsOptions>(cors)(forPages, {
      delegator: (request, done) => { done(null, allowed(request) ? shared : notShared) }
    })
  }
  fastify.decorate('heraldCheckOrigin', async (request) => {
    if (!allowed(request)) throw new AppError('origin_forbidden')
  })
}

export default fp(originsPlugin, { name: 'origins', fastify: '5.x' })
