import { createPublicKey } from 'node:crypto'
import { isIP } from 'node:net'
import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { envSchema } from 'env-schema'
import { isLoopback, parseOrigin } from './access/origins.js'

const text = (description: string, more = {}) => Type.String({ description, ...more })
const limit = (byDefault: number, description: string) =>
  Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1, default: byDefault, description })
const flag = (byDefault: string, description: string) =>
  Type.Optional(Type.Boolean({ description: `${byDefault}: ${description}` }))
const optional = <T extends TSchema>(schema: T) => Type.Optional(schema)

/** Every setting, by the name it has in the environment and in the options of the plugin. */
export const SettingsSchema = Type.Object({
  HOST: text('the address to listen on', { default: '127.0.0.1' }),
  PORT: Type.Integer({ minimum: 0, maximum: 65535, default: 8000, description: 'the port to listen on; 0 takes a free one' }),
  LOG_LEVEL: Type.Union(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'].map((level) => Type.Literal(level)), {
    default: 'info', description: 'what is logged'
  }),
  BROKER_URL: text('where notifications go through: `memory:`', { default: 'memory:' }),
  JWT_SECRET: optional(text('the secret that tokens are signed with (HS256, HS384, HS512)')),
  JWT_PUBLIC_KEY: optional(text('the public key that tokens are verified with: PEM, of RSA, EC or Ed25519; `\\n` may stand for a line break')),
  JWT_JWKS_URL: optional(text('not available yet: a start with it is refused')),
  JWT_ISSUER: optional(text('the `iss` that a token must have')),
  JWT_AUDIENCE: optional(text('the `aud` that a token must have')),
  WS_AUTH: optional(Type.Union([Type.Literal('required'), Type.Literal('optional')], {
    description: '`required` with a key, `optional` without: whether a socket needs a token, or only has it checked when it brings one'
  })),
  ALLOW_ANONYMOUS: flag('`false` with a key, `true` without', 'whether `/api/v1/ws` takes sockets without a user'),
  TEST_PAGE: flag('`false` with a key, `true` without', 'whether `/api/v1/ws/test` is there'),
  ALLOWED_ORIGINS: optional(text("the request's own host; without a key any loopback origin too: origins whose pages may connect and call, as a comma list, or `*`")),
  TRUST_PROXY: text('which proxies are believed about the address of a client: `true` for all, or a comma list of addresses', { default: 'false' }),
  MAX_CONNECTIONS: limit(0, 'sockets in all, then 503'),
  MAX_CONNECTIONS_PER_USER: limit(20, 'sockets of one user, then 429'),
  MESSAGE_RATE: limit(20, 'frames a second from one socket, in a burst twice that'),
  MAX_MESSAGE_BYTES: limit(65_536, 'size of a frame from a client, then close 1009'),
  MAX_BODY_BYTES: limit(65_536, 'size of a REST body, then 413'),
  MAX_BUFFERED_BYTES: limit(1_048_576, 'bytes that may wait for one socket, then close 4001'),
  MAX_ERRORS: limit(10, 'errors in a row from one socket, then close 1008'),
  HEARTBEAT_INTERVAL_MS: limit(25_000, 'time between heartbeats; 0 sends none'),
  HEARTBEAT_TIMEOUT_MS: limit(10_000, 'how much longer than that a socket may be silent, then close 4002'),
  DRAIN_SECONDS: Type.Integer({ minimum: 0, maximum: 86_400, default: 10, description: 'how long a stop may take; 0 waits for nobody' })
})

export type Settings = Static<typeof SettingsSchema>

/** The settings, with what depends on the key or on other settings filled in. */
export interface Config extends Settings {
  /** A key is configured, so this is not a developer's machine. */
  keyed: boolean
  WS_AUTH: 'required' | 'optional'
  ALLOW_ANONYMOUS: boolean
  TEST_PAGE: boolean
  /** Undefined: the request's own host. */
  allowedOrigins: string[] | '*' | undefined
  trustProxy: boolean | string[]
}

/** The settings cannot be used; `problems` has a line for each reason. */
export class ConfigError extends Error {
  readonly problems: string[]

  constructor (problems: string[]) {
    super(`the settings cannot be used:\n${problems.map((line) => `  ${line}`).join('\n')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

const keyNames = ['JWT_SECRET', 'JWT_PUBLIC_KEY', 'JWT_JWKS_URL'] as const

/**
 * Settings from an environment, or from options of the same names: numbers and booleans may stand as text,
 * unknown names are ignored, an empty value counts as not set.
 * @throws ConfigError listing everything that is wrong
 */
export function readConfig (source: Record<string, unknown>): Config {
  const given = Object.fromEntries(Object.entries(source)
    .filter(([name, value]) => name in SettingsSchema.properties && value !== '' && value !== undefined))
  const [settings, problems] = checkEach(given)
  problems.push(...checkTogether(settings))
  if (problems.length > 0) throw new ConfigError(problems)

  const keyed = keyNames.some((name) => settings[name] !== undefined)
  return {
    ...settings,
    ...liftZeros(settings),
    keyed,
    ...(settings.JWT_PUBLIC_KEY !== undefined && { JWT_PUBLIC_KEY: unescapeLines(settings.JWT_PUBLIC_KEY) }),
    WS_AUTH: settings.WS_AUTH ?? (keyed ? 'required' : 'optional'),
    ALLOW_ANONYMOUS: settings.ALLOW_ANONYMOUS ?? !keyed,
    TEST_PAGE: settings.TEST_PAGE ?? !keyed,
    allowedOrigins: parseOrigins(settings.ALLOWED_ORIGINS),
    trustProxy: parseTrustProxy(settings.TRUST_PROXY)
  }
}

const limitNames = [
  'MAX_CONNECTIONS', 'MAX_CONNECTIONS_PER_USER', 'MESSAGE_RATE', 'MAX_MESSAGE_BYTES', 'MAX_BODY_BYTES',
  'MAX_BUFFERED_BYTES', 'MAX_ERRORS', 'HEARTBEAT_INTERVAL_MS', 'HEARTBEAT_TIMEOUT_MS'
] as const

/** 0 lifts a limit: from here on it is a number that is never reached. */
function liftZeros (settings: Settings): Partial<Settings> {
  return Object.fromEntries(limitNames.map((name) => [name, settings[name] === 0 ? Number.MAX_SAFE_INTEGER : settings[name]]))
}

interface SchemaFault { keyword: string, instancePath: string, message?: string, params: { allowedValue?: unknown } }

/** A setting that fails is named, and stands at its default for the checks that follow. */
function checkEach (given: Record<string, unknown>): [Settings, string[]] {
  const problems = new Map<string, string>()
  for (;;) {
    try {
      return [envSchema<Settings>({ schema: SettingsSchema, data: given, env: false }), [...problems.values()]]
    } catch (error) {
      if (!(error instanceof Error && 'errors' in error)) throw error

      const faults = error.errors as SchemaFault[]
      for (const name of new Set(faults.map(({ instancePath }) => instancePath.slice(1)))) {
        problems.set(name, `${name} ${sayFaults(faults.filter(({ instancePath }) => instancePath === `/${name}`))}, and is ${shown(name, given[name])}`)
        delete given[name]
      }
    }
  }
}

function sayFaults (faults: SchemaFault[]): string {
  const choices = faults.flatMap(({ params }) => params.allowedValue ?? [])
  return choices.length > 0 ? `must be one of ${choices.join(', ')}` : faults[0]?.message ?? 'is not valid'
}

const shown = (name: string, value: unknown) => name.startsWith('JWT_') ? 'not' : JSON.stringify(value)

/** What no setting can say by itself. */
function checkTogether (settings: Settings): string[] {
  const problems: string[] = []
  const { HOST, BROKER_URL, JWT_SECRET, JWT_PUBLIC_KEY, JWT_JWKS_URL, ALLOWED_ORIGINS, TRUST_PROXY } = settings
  const keys = keyNames.filter((name) => settings[name] !== undefined)

  if (keys.length > 1) problems.push(`${keys.join(' and ')} are both set: one key decides`)
  if (keys.length === 0 && !isLoopback(HOST)) {
    problems.push(`HOST is ${HOST}, which others can reach: set JWT_SECRET or JWT_PUBLIC_KEY, or keep to 127.0.0.1`)
  }
  if (JWT_JWKS_URL !== undefined) problems.push('JWT_JWKS_URL is not available yet: set JWT_SECRET or JWT_PUBLIC_KEY')
  if (JWT_SECRET?.startsWith('-----BEGIN')) problems.push('JWT_SECRET is a PEM key: a public one goes into JWT_PUBLIC_KEY')
  if (JWT_PUBLIC_KEY !== undefined && !isPublicKey(JWT_PUBLIC_KEY)) problems.push('JWT_PUBLIC_KEY is not a public key in PEM, of RSA, EC or Ed25519')

  if (/^(file|rediss?):/.test(BROKER_URL)) problems.push(`BROKER_URL is ${BROKER_URL.split(':')[0]}:, which is not available yet: use memory:`)
  else if (BROKER_URL !== 'memory:') problems.push('BROKER_URL must be memory:')

  if (ALLOWED_ORIGINS !== undefined && ALLOWED_ORIGINS !== '*') {
    for (const origin of commaList(ALLOWED_ORIGINS)) {
      if (parseOrigin(origin)?.origin !== origin) problems.push(`ALLOWED_ORIGINS has "${origin}": an origin is like https://app.example.com`)
    }
  }
  const proxies = parseTrustProxy(TRUST_PROXY)
  if (Array.isArray(proxies) && !proxies.every(isAddressRange)) {
    problems.push('TRUST_PROXY must be true, false, or a comma list of addresses and ranges (10.0.0.0/8)')
  }
  return problems
}

const commaList = (value: string): string[] => value.split(',').map((item) => item.trim()).filter((item) => item !== '')

function parseOrigins (value: string | undefined): string[] | '*' | undefined {
  return value === undefined || value === '*' ? value : commaList(value)
}

const unescapeLines = (pem: string): string => pem.replaceAll('\\n', '\n')

function isPublicKey (pem: string): boolean {
  try {
    const { type, asymmetricKeyType = '' } = createPublicKey(unescapeLines(pem))
    return type === 'public' && !pem.includes('PRIVATE KEY') && ['rsa', 'ec', 'ed25519'].includes(asymmetricKeyType)
  } catch {
    return false
  }
}

function parseTrustProxy (value: string): Config['trustProxy'] {
  return value === 'true' || value === 'false' ? value === 'true' : commaList(value)
}

/** An address, a range like 10.0.0.0/8, or one of the names that Fastify's `trustProxy` knows. */
function isAddressRange (value: string): boolean {
  const [address = '', bits = '0'] = value.split('/')
  return ['loopback', 'linklocal', 'uniquelocal'].includes(value) || (isIP(address) !== 0 && /^\d{1,3}$/.test(bits))
}
