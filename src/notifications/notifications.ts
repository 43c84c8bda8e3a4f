import { createHash } from 'node:crypto'
import { type Static, Type } from '@sinclair/typebox'
import type { Broker, Draft } from '../broker/broker.js'
import { AppError } from '../errors.js'
import { IdempotencyKeySchema, MessageSchema, NotificationTypeSchema, TtlSchema, UserIdSchema } from '../protocol/fields.js'
import type { BroadcastOutcome, NotifyOutcome } from '../protocol/rest.js'
import { encodeNotificationTail } from '../protocol/server-frames.js'
import { checker } from '../protocol/validator.js'
import type { Tracer } from '../tracing.js'

const NotificationInputSchema = Type.Object({
  notificationType: NotificationTypeSchema,
  data: MessageSchema,
  ttl: Type.Optional(TtlSchema)
}, { additionalProperties: false })
const BroadcastInputSchema = Type.Object({ ...NotificationInputSchema.properties, excludeUser: Type.Optional(UserIdSchema) }, { additionalProperties: false })
const UserInputSchema = Type.Object({ userId: UserIdSchema })
const SendOptionsSchema = Type.Object({ idempotencyKey: Type.Optional(IdempotencyKeySchema) }, { additionalProperties: false })

/** What is sent: `data` arrives as it is, as the frame's `data`; `ttl` is in seconds. */
export type NotificationInput = Static<typeof NotificationInputSchema>
export type BroadcastInput = Static<typeof BroadcastInputSchema>

/** `repeated`: an earlier call with the same key has sent it, and this is what came of that. */
export type Sent<Outcome> = Outcome & { repeated: boolean }

export interface SendOptions {
  /** Of calls to the same user, or to all, with the same key one sends: 1 to 255 visible ASCII characters. */
  idempotencyKey?: string | undefined
}

const checkNotification = checker(NotificationInputSchema, 'invalid_request')
const checkBroadcast = checker(BroadcastInputSchema, 'invalid_request')
const checkUser = checker(UserInputSchema, 'invalid_request')
const checkOptions = checker(SendOptionsSchema, 'invalid_request')

/** The publishing side: what the REST routes and the application in the same process call. */
export class Notifications {
  readonly #broker: Pick<Broker, 'publish'>
  readonly #now: () => number
  readonly #tracer: Tracer | undefined

  constructor (broker: Pick<Broker, 'publish'>, now: () => number, tracer?: Tracer) {
    this.#broker = broker
    this.#now = now
    this.#tracer = tracer
  }

  /**
   * Sends to all sockets of one user; resolves when the notification is kept and written to them.
   * @throws AppError `invalid_request`, naming the field; `journal_unavailable`; `idempotency_mismatch`
   */
  async sendToUser (userId: string, input: NotificationInput, options: SendOptions = {}): Promise<Sent<NotifyOutcome>> {
    checkUser({ userId })
    const draft = this.#draft(userId, null, checkNotification(input), options)
    const { id, connections, stored, repeated } = await this.#broker.publish(draft)
    return { id, user_id: userId, online: connections > 0, connections, stored, repeated }
  }

  /**
   * Sends to everybody, or everybody but one; see `sendToUser`.
   * @throws AppError `invalid_request`, naming the field; `journal_unavailable`; `idempotency_mismatch`
   */
  async broadcast (input: BroadcastInput, options: SendOptions = {}): Promise<Sent<BroadcastOutcome>> {
    const { excludeUser = null } = checkBroadcast(input)
    return await this.#broker.publish(this.#draft(null, excludeUser, input, options))
  }

  #draft (userId: string | null, excludeUser: string | null, input: NotificationInput, options: SendOptions): Draft {
    const { idempotencyKey } = checkOptions(options)
    const { notificationType, data, ttl } = input
    return {
      userId,
      excludeUser,
      ttlMs: ttl === undefined ? undefined : ttl * 1000,
      tail: this.#encode(notificationType, data),
      idempotency: idempotencyKey === undefined
        ? undefined
        : { key: hash([userId, idempotencyKey]), fingerprint: hash([notificationType, data, ttl, excludeUser]) },
      ...(this.#tracer !== undefined && { traceparent: this.#tracer.current() })
    }
  }

  #encode (notificationType: string, data: NotificationInput['data']): string {
    try {
      return encodeNotificationTail({ notification_type: notificationType, data, timestamp: new Date(this.#now()).toISOString() })
    } catch (error) {
      throw new AppError('invalid_request', `data cannot be written as JSON: ${String(error)}`, 'data')
    }
  }
}

const hash = (parts: unknown[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
