import helmet, { type FastifyHelmetOptions } from '@fastify/helmet'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

export interface PageHeadersOptions {
  /** Whether the page has images of its own in its style sheets. */
  inlineImages?: boolean
}

/** What the pages of this scope may do: no script, style, font or connection but the service's own. Not for addresses where speed counts. */
const pageHeadersPlugin: FastifyPluginAsync<PageHeadersOptions> = async (fastify, { inlineImages = false }) => {
  const options: FastifyHelmetOptions = {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: inlineImages ? ["'self'", 'data:'] : ["'self'"],
        connectSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"]
      }
    },
    referrerPolicy: { policy: 'no-referrer' },
    xFrameOptions: { action: 'deny' },
    strictTransportSecurity: false // Who ends TLS in front of the service knows for which names it is right.
  }
  if (!fastify.hasReplyDecorator('helmet')) await fastify.register(helmet, options)
  else fastify.addHook('onRequest', async (_request, reply) => { await reply.helmet(options) }) // That of an application that this is part of.
}

export default fp(pageHeadersPlugin, { name: 'page-headers', fastify: '5.x' })
