import { Type } from '@sinclair/typebox'
import { MAX_DEPTH } from './validator.js'

export const UserIdSchema = Type.String({
  minLength: 1,
  maxLength: 128,
  pattern: '^([^\\u0000-\\u001f\\u007f-\\u009f\\ud800-\\udfff]|[\\ud800-\\udbff][\\udc00-\\udfff])*$', // With the flag `u` and without it.
  description: 'any Unicode text of 1 to 128 characters, without control characters',
  examples: ['my_user_id', 'auth0|abc', 'ann@example.com', 'Алёна']
})

export const TimestampSchema = Type.String({ description: 'ISO 8601, UTC', examples: ['2026-01-15T10:30:00.000Z'] })

export const NotificationIdSchema = Type.String({
  description: '`<epoch>-<seq>`: `seq` only grows, `epoch` changes when the journal was lost',
  examples: ['mbxk3v2q7f-42']
})

export const NotificationTypeSchema = Type.String({
  minLength: 1,
  maxLength: 64,
  description: 'what kind of notification it is: yours to choose',
  examples: ['info', 'document', 'ai_analysis']
})

/** Levels of objects and arrays inside a message: parsers of other languages give up at some depth. */
const MAX_MESSAGE_DEPTH = 100

export const MessageSchema = Type.Object({}, {
  additionalProperties: true,
  [MAX_DEPTH]: MAX_MESSAGE_DEPTH,
  description: `any JSON object, at most ${MAX_MESSAGE_DEPTH} levels deep, without the keys \`__proto__\` and \`constructor.prototype\`; a number arrives as a double holds it, so longer ones belong in a string`,
  examples: [{ title: 'New message', content: 'You have a new message' }]
})

/** How long a notification is worth keeping. */
export const TtlSchema = Type.Integer({
  minimum: 1,
  maximum: 2 ** 31 - 1,
  description: 'seconds after which it is no longer kept for those who come back, if that is sooner than `RETENTION_SECONDS`',
  examples: [3600]
})

/** Names in a list of connected users; past that it is cut and `truncated: true` stands beside it. */
export const MAX_LISTED_USERS = 10_000

export const UserNamesSchema = Type.Array(UserIdSchema, {
  description: `the users who hold a socket; at most ${MAX_LISTED_USERS.toLocaleString('en')} names`,
  examples: [['ann', 'ben']]
})

export const TruncatedSchema = Type.Optional(Type.Literal(true, { description: 'there only when the list of names was cut' }))

export const count = (description: string) => Type.Integer({ minimum: 0, description, examples: [2] })

export const IdempotencyKeySchema = Type.String({
  minLength: 1,
  maxLength: 255,
  pattern: '^[\\x21-\\x7e]*$',
  description: 'calls with the same key, such as `3f0e-order-4711`, at the same address publish once; visible ASCII'
})
