import { type Static, Type } from '@sinclair/typebox'
import { errors } from '../errors.js'
import { count, MessageSchema, NotificationIdSchema, NotificationTypeSchema, TimestampSchema, TruncatedSchema, UserIdSchema, UserNamesSchema } from './fields.js'
import type { StatsReply } from './rest.js'
import { textFrame, textFrameOf } from './text-frame.js'

const timestamp = '2026-01-15T10:30:00.000Z'

/** What the server sends, by `type`. */
export const serverFrames = {
  connection_status: Type.Object({
    type: Type.Literal('connection_status'),
    data: Type.Object({
      status: Type.Literal('connected'),
      user_id: Type.Union([UserIdSchema, Type.Null()], { description: 'null for an anonymous socket' }),
      timestamp: TimestampSchema,
      total_connections: count('sockets open now, this one included'),
      connection_id: Type.String({ description: 'names this socket in the logs', examples: ['c0ffee00-1'] }),
      last_event_id: NotificationIdSchema,
      resume: Type.Union([Type.Literal('none'), Type.Literal('caught_up'), Type.Literal('gap')], {
        description: 'how the return with `last_event_id` went; `none`: it was not asked for; `gap`: something that it could have missed is no longer there', examples: ['none']
      }),
      replayed: count('notifications that follow because they were missed')
    })
  }, {
    description: 'the first frame, always; again, with `gap`, when something was lost while the socket was open: the journal, or what was still to be sent of it',
    examples: [{
      type: 'connection_status',
      data: {
        status: 'connected',
        user_id: 'my_user_id',
        timestamp,
        total_connections: 5,
        connection_id: 'c0ffee00-1',
        last_event_id: 'mbxk3v2q7f-42',
        resume: 'none',
        replayed: 0
      }
    }]
  }),

  pong: Type.Object({
    type: Type.Literal('pong'),
    timestamp: TimestampSchema,
    id: Type.Optional(Type.Unsafe<string | number>({ type: ['string', 'number'], description: 'that of the `ping`, if it had one' }))
  }, { description: 'the answer to `ping`, with its `id` if it had one', examples: [{ type: 'pong', timestamp }] }),

  stats: Type.Object({
    type: Type.Literal('stats'),
    data: Type.Object({
      total_connections: count('sockets open now'),
      user_connections: count('sockets of this user; 1 for an anonymous socket'),
      connected_users: UserNamesSchema,
      truncated: TruncatedSchema
    }),
    timestamp: TimestampSchema
  }, {
    description: 'the answer to `get_stats`; where a key is configured, the names need the scope `stats:read` and the list is empty without it',
    examples: [{ type: 'stats', data: { total_connections: 5, user_connections: 2, connected_users: ['ann', 'ben'] }, timestamp }]
  }),

  auth: Type.Object({
    type: Type.Literal('auth'),
    data: Type.Object({
      expires_at: Type.Union([TimestampSchema, Type.Null()], { description: 'when the token expires; null: never', examples: [timestamp] })
    })
  }, {
    description: 'the token of an `auth` is good, and stands for the connection from here on (`expires_at` is null where it never expires); a bad one is answered by an `error`, and changes nothing',
    examples: [{ type: 'auth', data: { expires_at: timestamp } }]
  }),

  heartbeat: Type.Object({
    type: Type.Literal('heartbeat'),
    timestamp: TimestampSchema
  }, { description: 'every `HEARTBEAT_INTERVAL_MS`, by itself', examples: [{ type: 'heartbeat', timestamp }] }),

  notification: Type.Object({
    type: Type.Literal('notification'),
    id: NotificationIdSchema,
    notification_type: NotificationTypeSchema,
    data: MessageSchema,
    timestamp: TimestampSchema
  }, {
    description: 'a notification; `data` is the `message` that was posted',
    examples: [{ type: 'notification', id: 'mbxk3v2q7f-43', notification_type: 'info', data: { title: 'New message' }, timestamp }]
  }),

  reconnect: Type.Object({
    type: Type.Literal('reconnect'),
    data: Type.Object({
      after_ms: count('milliseconds after which to come back; the server spreads the returns'),
      reason: Type.String({ description: 'why, for people', examples: ['shutting down'] })
    })
  }, {
    description: 'the server is about to be stopped, and closes this connection with 1001 after `after_ms`: come back after that long',
    examples: [{ type: 'reconnect', data: { after_ms: 3200, reason: 'shutting down' } }]
  }),

  error: Type.Object({
    type: Type.Literal('error'),
    data: Type.Object({
      code: Type.Unsafe<keyof typeof errors>(Type.String({ description: 'from the table of errors', examples: ['invalid_json'] })),
      message: Type.String({ description: 'what is wrong, for people' }),
      field: Type.Optional(Type.String({ description: 'the field that is to blame' }))
    }),
    timestamp: TimestampSchema
  }, {
    description: 'a frame was not accepted; the connection stays open',
    examples: [{ type: 'error', data: { code: 'unknown_type', message: 'there is no type "x"', field: 'type' }, timestamp }]
  })
}

type ServerFrames = { [T in keyof typeof serverFrames]: Static<(typeof serverFrames)[T]> }
export type ServerFrame = ServerFrames[keyof ServerFrames]
type NotificationFrame = ServerFrames['notification']
export type Resume = ServerFrames['connection_status']['data']['resume']

/** The bytes of a frame, as every socket is sent them. */
export const encode = (frame: ServerFrame): Buffer => textFrame(JSON.stringify(frame))

/** The bytes of an object whose `connected_users` is empty, with a list of names, encoded already, in its place. */
export function insertNames (value: StatsReply | ServerFrame, names: Buffer): Buffer[] {
  const text = JSON.stringify(value)
  const at = text.indexOf(NO_NAMES) + NO_NAMES.length - 2
  return [Buffer.from(text.slice(0, at)), names, Buffer.from(text.slice(at + 2))]
}

const NO_NAMES = '"connected_users":[]'

/** All of a notification's frame but its id, which the broker gives: `encodeNotification` joins the two. */
export function encodeNotificationTail ({ notification_type, data, timestamp }: Omit<NotificationFrame, 'type' | 'id'>): string {
  const json: string | undefined = JSON.stringify(data)
  if (json?.startsWith('{') !== true) throw new TypeError('it is no object')
  return `"notification_type":${JSON.stringify(notification_type)},"data":${json},"timestamp":"${timestamp}"}`
}

/** From a text, as it is kept: in memory of its own, for it would hold the 8 KB that Node shares between small buffers. */
export function encodeNotification (id: string, tail: string | Buffer): Buffer {
  const start = `{"type":"notification","id":"${id}",`
  return typeof tail === 'string' ? textFrame(start + tail, Buffer.allocUnsafeSlow) : Buffer.concat(textFrameOf([Buffer.from(start), tail]))
}
