import { type Static, type TSchema, Type } from '@sinclair/typebox'

const text = (description: string, more = {}) => Type.String({ description, ...more })
const limit = (byDefault: number, description: string) =>
  Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1, default: byDefault, description })
/** A boolean whose default depends on whether there is a key. */
const openWithoutKey = (description: string) =>
  Type.Optional(Type.Boolean({ description: `${description}; by default \`false\` with a key, \`true\` without` }))
const optional = <T extends TSchema>(schema: T) => Type.Optional(schema)

/** Every setting, by the name it has in the environment and in the options of the plugin. */
export const SettingsSchema = Type.Object({
  HOST: text('the address to listen on', { default: '127.0.0.1' }),
  PORT: Type.Integer({ minimum: 0, maximum: 65535, default: 8000, description: 'the port to listen on; 0 takes a free one' }),
  LOG_LEVEL: Type.Union(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'].map((level) => Type.Literal(level)), {
    default: 'info', description: 'the lowest level that is logged: `trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`'
  }),
  BROKER_URL: text('where notifications are kept: `file:` and a folder; `memory:`, which ends with the process; or `redis://host:6379`, for several nodes (`rediss:` with TLS, also to Sentinels; `?sentinel=name` for the master of that name, and `&sentinel_password=…` where its Sentinels ask for one)', { default: 'file:./data' }),
  JWT_SECRET: optional(text('the secret that tokens are signed with (HS256, HS384, HS512), as it stands, with a line break at its end if it has one')),
  JWT_PUBLIC_KEY: optional(text('the public key that tokens are verified with: PEM, of RSA, EC or Ed25519; `\\n` may stand for a line break')),
  JWT_JWKS_URL: optional(text('where the public keys are that tokens are verified with: a key set (JWKS) at an `https:` URL, or `http:` on this machine')),
  JWT_ISSUER: optional(text('the `iss` that a token must have')),
  JWT_AUDIENCE: optional(text('the `aud` that a token must have')),
  TOKEN_GRACE_SECONDS: limit(25, 'how long a connection stays after its token has expired, unless it brings a fresh one, then close 4401; 0 does not wait'),
  WS_AUTH: optional(Type.Union([Type.Literal('required'), Type.Literal('optional')], {
    description: '`required`: a socket needs a token; `optional`: one that brings none is let in, and one that it brings is checked. By default `required` with a key, `optional` without'
  })),
  ALLOW_ANONYMOUS: openWithoutKey('whether `/api/v1/ws` takes sockets without a user'),
  TEST_PAGE: openWithoutKey('whether `/api/v1/ws/test` is there'),
  ALLOWED_ORIGINS: optional(text("origins whose pages may connect and call: a comma list, or `*`; by default the request's own host, and without a key any loopback origin too; once it is set, these alone")),
  TRUST_PROXY: text('which proxies are believed about the address of a client: `true` for all, or a comma list of addresses, ranges (`10.0.0.0/8`), `loopback`, `linklocal`, `uniquelocal`', { default: 'false' }),
  MAX_CONNECTIONS: limit(0, 'sockets of this process, then 503'),
  MAX_CONNECTIONS_PER_USER: limit(20, 'sockets of one user, then 429'),
  CONNECT_RATE: limit(0, 'new sockets a second from one address (IPv6: one /64), a second\'s worth at once, then 429'),
  MESSAGE_RATE: limit(20, 'frames a second from one socket, in a burst twice that; more are refused with `rate_limited`, and after another second\'s worth of those close 4029'),
  MAX_MESSAGE_BYTES: limit(65_536, 'size of a frame from a client, then close 1009'),
  MAX_BODY_BYTES: limit(65_536, 'size of a REST body, then 413'),
  MAX_BUFFERED_BYTES: limit(1_048_576, 'bytes that may wait for one socket, then close 4001; a single frame that is larger may wait alone'),
  MAX_ERRORS: limit(10, 'errors in a row that are forgiven one socket, then close 1008'),
  HEARTBEAT_INTERVAL_MS: limit(25_000, 'time between heartbeats; 0 sends none, and closes no socket that has fallen silent'),
  HEARTBEAT_TIMEOUT_MS: limit(10_000, 'how much longer than that a socket may be silent, then close 4002'),
  RETENTION_SECONDS: limit(86_400, 'how long a notification is kept for clients that reconnect; with `file:` a shorter time holds for what is sent from then on'),
  RETENTION_PER_USER: limit(1000, 'personal notifications that are kept for a user; with `file:` a lower number holds for users when they are sent the next one'),
  RETENTION_BROADCAST: limit(10_000, 'broadcasts that are kept'),
  IDEMPOTENCY_SECONDS: limit(300, 'how long an `Idempotency-Key` is remembered; 0: for ever'),
  DRAIN_SECONDS: Type.Integer({ minimum: 0, maximum: 86_400, default: 10, description: 'how long a stop may take; 0 waits for nobody' })
})

export type Settings = Static<typeof SettingsSchema>
