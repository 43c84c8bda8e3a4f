import { type Static, Type } from '@sinclair/typebox'
import { AppError } from '../errors.js'
import { parseJson } from './json.js'
import { checker } from './validator.js'

/** What a client may send, by `type`. */
export const clientFrames = {
  ping: Type.Object({
    type: Type.Literal('ping'),
    id: Type.Optional(Type.Unsafe<string | number>({
      type: ['string', 'number'], maxLength: 128, description: 'comes back in the `pong`', examples: [1, 'a']
    }))
  }, { additionalProperties: false, description: 'asks for a `pong`', examples: [{ type: 'ping' }, { type: 'ping', id: 7 }] }),

  get_stats: Type.Object({
    type: Type.Literal('get_stats')
  }, { additionalProperties: false, description: 'asks for `stats`', examples: [{ type: 'get_stats' }] }),

  auth: Type.Object({
    type: Type.Literal('auth'),
    token: Type.String({ description: 'a fresh token of the same user', examples: ['eyJhbGciOiJIUzI1NiJ9.e30.x'] })
  }, {
    additionalProperties: false,
    description: 'brings a fresh token before the one before it ends the connection; asks for an `auth`',
    examples: [{ type: 'auth', token: 'eyJhbGciOiJIUzI1NiJ9.e30.x' }]
  }),

  disconnect: Type.Object({
    type: Type.Literal('disconnect')
  }, { additionalProperties: false, description: 'asks the server to close with 1000', examples: [{ type: 'disconnect' }] })
}

type ClientFrames = { [T in keyof typeof clientFrames]: Static<(typeof clientFrames)[T]> }
export type ClientFrameType = keyof ClientFrames
export type ClientFrame<T extends ClientFrameType = ClientFrameType> = ClientFrames[T]

const checkers = new Map(Object.entries(clientFrames).map(([type, schema]) => [type, checker(schema, 'invalid_frame')]))

/**
 * The frame in a text message: `type` is looked at first, then that one variant is checked.
 * @throws AppError `invalid_json`, `invalid_frame`, `unknown_type`
 */
export function decode (text: string): ClientFrame {
  const value = parseJson(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AppError('invalid_frame', 'a frame is a JSON object')
  }
  if (!('type' in value)) throw new AppError('invalid_frame', 'type is required', 'type')
  if (typeof value.type !== 'string') throw new AppError('invalid_frame', 'type must be string', 'type')

  const check = checkers.get(value.type)
  if (check === undefined) throw new AppError('unknown_type', `there is no type "${value.type.slice(0, 64)}"`, 'type')
  return check(value)
}
