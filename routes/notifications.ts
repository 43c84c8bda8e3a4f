import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import fp from 'fastify-plugin'
import { AppError } from '../src/errors.js'
import { BroadcastBodySchema, BroadcastOutcomeSchema, NotifyBodySchema, NotifyOutcomeSchema, UserParamsSchema } from '../src/protocol/rest.js'

export interface NotificationsRoutesOptions {
  maxBodyBytes: number
}

const notificationsRoutes: FastifyPluginAsyncTypebox<NotificationsRoutesOptions> = async (fastify, { maxBodyBytes }) => {
  const { notifications } = fastify
  // Users of these names have sockets here; a request that is no upgrade is for REST, which has nothing to get.
  for (const url of ['/notify', '/broadcast']) {
    fastify.get(url, { constraints: { upgrade: 'none' } }, () => { throw new AppError('not_found') })
  }

  const common = { bodyLimit: maxBodyBytes, onRequest: fastify.access.requireScope('notifications:publish') }

  fastify.post('/notify/:user_id', {
    ...common,
    schema: { params: UserParamsSchema, body: NotifyBodySchema, response: { 200: NotifyOutcomeSchema } }
  }, async ({ params, body }) => await notifications.sendToUser(params.user_id, {
    notificationType: body.notification_type,
    data: body.message
  }))

  fastify.post('/broadcast', {
    ...common,
    schema: { body: BroadcastBodySchema, response: { 200: BroadcastOutcomeSchema } }
  }, async ({ body }) => await notifications.broadcast({
    notificationType: body.notification_type,
    data: body.message,
    ...(body.exclude_user !== undefined && { excludeUser: body.exclude_user })
  }))
}

export default fp(notificationsRoutes, {
  name: 'routes/notifications',
  encapsulate: true,
  dependencies: ['notifications', 'validation', 'access', 'websocket']
})
