import swaggerUi from '@fastify/swagger-ui'
import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import fp from 'fastify-plugin'
import { describeFrames } from '../src/protocol/asyncapi.js'

export interface DescriptionsRoutesOptions {
  /** The addresses of sockets begin with this. */
  socketPrefix: string
}

/** What there is to call and to connect to, for programs, and the first of it as a page. */
const descriptionsRoutes: FastifyPluginAsyncTypebox<DescriptionsRoutesOptions> = async (fastify, { socketPrefix }) => {
  fastify.addHook('onRoute', (route) => { route.constraints = { ...route.constraints, upgrade: 'none' } })
  const schema = { tags: ['descriptions'], response: { 200: Type.Unknown({ description: 'the description' }) } } as const

  fastify.get('/openapi.json', {
    schema: { ...schema, operationId: 'openapi', summary: 'Describes the addresses (OpenAPI 3.1)' }
  }, (_request, reply) => sendJson(reply, fastify.swagger()))

  fastify.get('/asyncapi.json', {
    schema: { ...schema, operationId: 'asyncapi', summary: 'Describes the frames (AsyncAPI 3.0)' }
  }, ({ host, protocol }, reply) => sendJson(reply, describeFrames(socketPrefix, host, protocol === 'https')))

  await fastify.register(swaggerUi, { routePrefix: '/docs', theme: { title: 'Herald' }, uiConfig: { layout: 'BaseLayout' } })
}

const sendJson = (reply: FastifyReply, value: unknown) => reply.type('application/json; charset=utf-8').serializer(JSON.stringify).send(value)

export default fp(descriptionsRoutes, { name: 'routes/descriptions', encapsulate: true, dependencies: ['openapi', 'websocket'] })
