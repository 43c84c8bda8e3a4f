import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import fp from 'fastify-plugin'
import { AppError, type ErrorCode } from '../src/errors.js'
import type { Sent } from '../src/notifications/notifications.js'
import { BroadcastBodySchema, BroadcastOutcomeSchema, IdempotencyHeadersSchema, NotifyBodySchema, NotifyOutcomeSchema, OutcomeHeadersSchema, UserParamsSchema } from '../src/protocol/rest.js'

export interface NotificationsRoutesOptions {
  maxBodyBytes: number
}

const notificationsRoutes: FastifyPluginAsyncTypebox<NotificationsRoutesOptions> = async (fastify, { maxBodyBytes }) => {
  const { notifications } = fastify
  // Users of these names have sockets here; a request that is no upgrade is for REST, which has nothing to get.
  for (const url of ['/notify', '/broadcast']) {
    fastify.get(url, { schema: { hide: true }, constraints: { upgrade: 'none' } }, () => { throw new AppError('not_found') })
  }

  const common = {
    bodyLimit: maxBodyBytes,
    onRequest: fastify.heraldAccess.requireScope('notifications:publish'),
    config: { describe: { errors: ['idempotency_mismatch', 'journal_unavailable'] satisfies ErrorCode[], replyHeaders: OutcomeHeadersSchema } }
  }

  fastify.post('/notify/:user_id', {
    ...common,
    schema: {
      operationId: 'notify',
      tags: ['notifications'],
      summary: 'Sends to one user',
      description: 'To all his sockets, on all nodes; it is kept for the time that he is away. Answered when it is kept, and written to the sockets.',
      params: UserParamsSchema,
      headers: IdempotencyHeadersSchema,
      body: NotifyBodySchema,
      response: { 200: NotifyOutcomeSchema }
    }
  }, async ({ params, headers, body }, reply) => answer(reply, await notifications.sendToUser(params.user_id, {
    notificationType: body.notification_type,
    data: body.message,
    ...(body.ttl !== undefined && { ttl: body.ttl })
  }, { idempotencyKey: headers['idempotency-key'] })))

  fastify.post('/broadcast', {
    ...common,
    schema: {
      operationId: 'broadcast',
      tags: ['notifications'],
      summary: 'Sends to all',
      description: 'Or to all but one user. Anonymous sockets get it too. Answered when it is kept, and written to the sockets.',
      headers: IdempotencyHeadersSchema,
      body: BroadcastBodySchema,
      response: { 200: BroadcastOutcomeSchema }
    }
  }, async ({ headers, body }, reply) => answer(reply, await notifications.broadcast({
    notificationType: body.notification_type,
    data: body.message,
    ...(body.ttl !== undefined && { ttl: body.ttl }),
    ...(body.exclude_user !== undefined && { excludeUser: body.exclude_user })
  }, { idempotencyKey: headers['idempotency-key'] })))
}

function answer<Outcome> (reply: FastifyReply, { repeated, ...outcome }: Sent<Outcome>): Omit<Sent<Outcome>, 'repeated'> {
  if (repeated) reply.header('idempotency-replayed', 'true')
  return outcome
}

export default fp(notificationsRoutes, {
  name: 'routes/notifications',
  encapsulate: true,
  dependencies: ['notifications', 'validation', 'access', 'websocket']
})
