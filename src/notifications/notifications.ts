import { type Static, Type } from '@sinclair/typebox'
import type { Broker } from '../broker/broker.js'
import { AppError } from '../errors.js'
import { MAX_MESSAGE_DEPTH, MessageSchema, NotificationTypeSchema, UserIdSchema } from '../protocol/fields.js'
import { faultOf } from '../protocol/json.js'
import type { BroadcastOutcome, NotifyOutcome } from '../protocol/rest.js'
import { encodeNotificationTail } from '../protocol/server-frames.js'
import { checker } from '../protocol/validator.js'

const NotificationInputSchema = Type.Object({ notificationType: NotificationTypeSchema, data: MessageSchema }, { additionalProperties: false })
const BroadcastInputSchema = Type.Object({ ...NotificationInputSchema.properties, excludeUser: Type.Optional(UserIdSchema) }, { additionalProperties: false })
const UserInputSchema = Type.Object({ userId: UserIdSchema })

/** What is sent: `data` arrives as it is, as the frame's `data`. */
export type NotificationInput = Static<typeof NotificationInputSchema>
export type BroadcastInput = Static<typeof BroadcastInputSchema>

const checkNotification = checker(NotificationInputSchema, 'invalid_request')
const checkBroadcast = checker(BroadcastInputSchema, 'invalid_request')
const checkUser = checker(UserInputSchema, 'invalid_request')

/** The publishing side: what the REST routes and the application in the same process call. */
export class Notifications {
  readonly #broker: Broker
  readonly #now: () => number

  constructor (broker: Broker, now: () => number) {
    this.#broker = broker
    this.#now = now
  }

  /**
   * Sends to all sockets of one user.
   * @throws AppError `invalid_request`, naming the field
   */
  async sendToUser (userId: string, input: NotificationInput): Promise<NotifyOutcome> {
    checkUser({ userId })
    const tail = this.#encode(checkNotification(input))
    const { id, connections, stored } = await this.#broker.publish({ userId, excludeUser: null, tail })
    return { id, user_id: userId, online: connections > 0, connections, stored }
  }

  /**
   * Sends to everybody, or everybody but one.
   * @throws AppError `invalid_request`, naming the field
   */
  async broadcast (input: BroadcastInput): Promise<BroadcastOutcome> {
    const { excludeUser = null } = checkBroadcast(input)
    const tail = this.#encode(input)
    return await this.#broker.publish({ userId: null, excludeUser, tail })
  }

  #encode ({ notificationType, data }: NotificationInput): string {
    const fault = faultOf(data, MAX_MESSAGE_DEPTH)
    if (fault !== undefined) throw new AppError('invalid_request', `message ${fault}`, 'message')

    try {
      return encodeNotificationTail({ notification_type: notificationType, data, timestamp: new Date(this.#now()).toISOString() })
    } catch (error) {
      throw new AppError('invalid_request', `message cannot be written as JSON: ${String(error)}`, 'message')
    }
  }
}
