import { type Static, Type } from '@sinclair/typebox'
import { count, IdempotencyKeySchema, MessageSchema, NotificationIdSchema, NotificationTypeSchema, TruncatedSchema, TtlSchema, UserIdSchema, UserNamesSchema } from './fields.js'

export const UserParamsSchema = Type.Object({ user_id: UserIdSchema })

/** Query of a socket's address: taken as it is, and anything beside it passed over. */
export const SocketQuerySchema = Type.Object({
  last_event_id: Type.Optional(Type.String({
    description: 'the id of the last notification that the client has, such as `mbxk3v2q7f-42`: it gets what it missed since'
  })),
  token: Type.Optional(Type.String({ description: 'the token, from who cannot send it as a header or as a subprotocol' }))
}, { examples: [{ last_event_id: 'mbxk3v2q7f-42' }] })

export const NotifyBodySchema = Type.Object({
  notification_type: NotificationTypeSchema,
  message: MessageSchema,
  ttl: Type.Optional(TtlSchema)
}, {
  additionalProperties: false,
  description: 'a notification to all sockets of one user',
  examples: [{ notification_type: 'info', message: { title: 'New message', content: 'You have a new message' } }]
})

export const BroadcastBodySchema = Type.Object({
  notification_type: NotificationTypeSchema,
  message: MessageSchema,
  ttl: Type.Optional(TtlSchema),
  exclude_user: Type.Optional(UserIdSchema)
}, {
  additionalProperties: false,
  description: 'a notification to everybody, or everybody but one',
  examples: [{ notification_type: 'system', message: { title: 'Maintenance' }, exclude_user: 'admin' }]
})

/** Names a call, so that it can be repeated without being done twice. */
export const IdempotencyHeadersSchema = Type.Object({
  'idempotency-key': Type.Optional(IdempotencyKeySchema)
}, { examples: [{ 'idempotency-key': '3f0e-order-4711' }] })

/** Headers of an outcome. */
export const OutcomeHeadersSchema = Type.Object({
  'idempotency-replayed': Type.Optional(Type.Literal('true', {
    description: 'there when an earlier call with the same `Idempotency-Key` has published, and this is its outcome'
  }))
}, { examples: [{ 'idempotency-replayed': 'true' }] })

const StoredSchema = Type.Boolean({ description: 'whether it would survive the end of the server: not with `memory:`' })

export const NotifyOutcomeSchema = Type.Object({
  id: NotificationIdSchema,
  user_id: UserIdSchema,
  online: Type.Boolean({ description: 'whether the user had a socket' }),
  connections: count('open sockets it was handed to'),
  stored: StoredSchema
}, { description: 'what came of it', examples: [{ id: 'mbxk3v2q7f-43', user_id: 'my_user_id', online: true, connections: 2, stored: true }] })
export type NotifyOutcome = Static<typeof NotifyOutcomeSchema>

export const BroadcastOutcomeSchema = Type.Object({
  id: NotificationIdSchema,
  connections: count('open sockets it was handed to'),
  users: count('users it was handed to'),
  stored: StoredSchema
}, { description: 'what came of it', examples: [{ id: 'mbxk3v2q7f-44', connections: 5, users: 3, stored: true }] })
export type BroadcastOutcome = Static<typeof BroadcastOutcomeSchema>

export const DisconnectOutcomeSchema = Type.Object({
  closed: count('sockets of this user that were closed, on all nodes')
}, { description: 'they are closed', examples: [{ closed: 2 }] })

export const HealthReplySchema = Type.Object({
  status: Type.Literal('ok', { description: 'all is well; else the answer is a problem that says which part is not', examples: ['ok'] })
}, { description: 'all is well', examples: [{ status: 'ok' }] })

export const StatsReplySchema = Type.Object({
  total_connections: count('sockets open now'),
  connected_users: UserNamesSchema,
  users_count: count('users who hold a socket'),
  truncated: TruncatedSchema
}, { description: 'who is connected, on all nodes', examples: [{ total_connections: 5, connected_users: ['ann', 'ben'], users_count: 2 }] })
export type StatsReply = Static<typeof StatsReplySchema>
