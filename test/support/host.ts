import { join } from 'node:path'
import type { SecureContextOptions } from 'node:tls'
import cors from '@fastify/cors'
import jwt from '@fastify/jwt'
import fastifyStatic from '@fastify/static'
import websocket from '@fastify/websocket'
import { type FastifyInstance, fastify } from 'fastify'
import fp from 'fastify-plugin'
import type { Test } from 'tap'

export const OWN_SECRET = 'the secret of the application, not of herald'

/** Somebody's application, which has everything already that herald brings. */
export async function buildHost (t: Test, https?: SecureContextOptions): Promise<FastifyInstance> {
  const app = (https === undefined ? fastify() : fastify({ https })) as FastifyInstance
  t.teardown(() => app.close())
  await app.register(websocket)
  await app.register(jwt, { secret: OWN_SECRET })
  await app.register(cors, { origin: 'https://own.example' })
  await app.register(fastifyStatic, { root: join(import.meta.dirname, '..'), prefix: '/files/' })
  await app.register(fp(async () => {}, { name: 'headers' }))
  app.setNotFoundHandler((_request, reply) => { reply.code(404).send('own 404') })
  app.setErrorHandler((_error, _request, reply) => { reply.code(500).send('own error') })
  app.get('/own', async () => ({ own: true }))
  app.get('/fails', async () => { throw new Error('of the application') })
  app.get('/own-socket', { websocket: true }, (socket) => { socket.send('{"type":"own","data":{}}') })
  app.post('/own-form', { schema: { body: { type: 'object', properties: { n: { type: 'integer' } } } } }, async ({ body }) => body)
  return app
}

/** Listens on a free port of 127.0.0.1: where its service is, below this prefix. */
export async function listen (app: FastifyInstance, prefix = '') {
  const address = `${await app.listen({ host: '127.0.0.1', port: 0 })}`
  return { address, http: `${address}${prefix}/api/v1/ws`, ws: `${address.replace('http', 'ws')}${prefix}/api/v1/ws` }
}
