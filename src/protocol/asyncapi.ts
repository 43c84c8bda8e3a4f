import type { TSchema } from '@sinclair/typebox'
import { SUBPROTOCOL } from '../access/token.js'
import { closeCodes, errors } from '../errors.js'
import { clientFrames } from './client-frames.js'
import { bearerScheme } from './openapi.js'
import { SocketQuerySchema, UserParamsSchema } from './rest.js'
import { serverFrames } from './server-frames.js'
import { version } from '../version.js'

const intro = `Every frame is one JSON object in one text frame. The first one that a client gets is \`connection_status\`.

A client that comes back with \`?last_event_id=\` and the id of the last notification that it has gets what it missed, in order, none twice.
A frame that is not accepted is answered by \`error\`, and the connection stays open.

A refused upgrade is an HTTP status with a problem (RFC 9457): see openapi.json.`

const closes = closeCodes.map((name) => ({ code: errors[name].close, name, description: errors[name].text })).sort((one, other) => one.code - other.code)

const closing = `Close codes (RFC 6455 §7.4); those from 4000 to 4499 mean come back, those from 4500 on do not:

${closes.map(({ code, name, description }) => `- ${code} \`${name}\`: ${description}`).join('\n')}`

/** The parties, by who sends: a frame of one name may go both ways. */
const frames = { server: serverFrames, client: clientFrames }
type Party = keyof typeof frames

const messagesOf = (party: Party) => Object.entries<TSchema>(frames[party]).map(([type, { examples, description, ...payload }]) => [`${party}.${type}`, {
  name: type,
  summary: description,
  contentType: 'application/json',
  payload,
  examples: (examples as unknown[]).map((example) => ({ payload: example }))
}] as const)

const messages = Object.fromEntries([...messagesOf('server'), ...messagesOf('client')])

const bindings = {
  ws: {
    method: 'GET',
    query: SocketQuerySchema,
    headers: {
      type: 'object',
      properties: {
        Authorization: { type: 'string', description: '`Bearer <token>`' },
        'Sec-WebSocket-Protocol': {
          type: 'string',
          description: `\`${SUBPROTOCOL}\`, and beside it \`bearer.<token>\` from who cannot send the token as a header; the server answers \`${SUBPROTOCOL}\``
        }
      }
    },
    bindingVersion: '0.1.0'
  }
}

function channel (address: string, about: object) {
  return {
    address,
    ...about,
    servers: [{ $ref: '#/servers/this' }],
    messages: Object.fromEntries(Object.keys(messages).map((name) => [name, { $ref: `#/components/messages/${name}` }])),
    bindings
  }
}

const operation = (name: string, action: 'send' | 'receive', party: Party, summary: string) => ({
  action,
  summary,
  channel: { $ref: `#/channels/${name}` },
  messages: messagesOf(party).map(([message]) => ({ $ref: `#/channels/${name}/messages/${message}` }))
})

/** The AsyncAPI 3.0 description of the frames; the addresses of sockets begin with `prefix`. */
export function describeFrames (prefix: string, host: string, secure: boolean): object {
  const { user_id: user } = UserParamsSchema.properties
  return {
    asyncapi: '3.0.0',
    info: { title: 'Herald', version, description: `${intro}\n\n${closing}`, license: { name: 'MIT' } },
    defaultContentType: 'application/json',
    servers: { this: { host, protocol: secure ? 'wss' : 'ws', security: [{ $ref: '#/components/securitySchemes/bearer' }], bindings: { ws: {} } } },
    channels: {
      user: channel(`${prefix}/{user_id}`, {
        summary: 'the socket of a user: his notifications, and broadcasts',
        parameters: { user_id: { description: user.description, examples: user.examples } },
        'x-close-codes': closes
      }),
      anonymous: channel(prefix, { summary: 'a socket without a user, where that is allowed: broadcasts only', 'x-close-codes': closes })
    },
    operations: {
      sendToUser: operation('user', 'send', 'server', 'what the server sends'),
      receiveFromUser: operation('user', 'receive', 'client', 'what a client may send'),
      sendToAnonymous: operation('anonymous', 'send', 'server', 'what the server sends'),
      receiveFromAnonymous: operation('anonymous', 'receive', 'client', 'what a client may send')
    },
    components: { messages, securitySchemes: { bearer: bearerScheme } }
  }
}
