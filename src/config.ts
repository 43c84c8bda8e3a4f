import { createPublicKey } from 'node:crypto'
import { BlockList, isIP } from 'node:net'
import { envSchema } from 'env-schema'
import { isLoopback, parseOrigin } from './access/origins.js'
import { isRedisUrl, readRedisUrl } from './broker/redis/redis-url.js'
import { type Settings, SettingsSchema } from './settings.js'

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
 * unknown names are ignored, an empty value and null count as not set. A secret is what it is, as for those who sign with it.
 * @throws ConfigError listing everything that is wrong
 */
export function readConfig (source: Record<string, unknown>): Config {
  const given = Object.fromEntries(Object.entries(source)
    .map(([name, value]) => [name, typeof value === 'string' && name !== 'JWT_SECRET' ? value.trim() : value] as const)
    .filter(([name, value]) => name in SettingsSchema.properties && value !== undefined && value !== null && value !== ''))
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
  'MAX_BUFFERED_BYTES', 'MAX_ERRORS', 'HEARTBEAT_INTERVAL_MS', 'HEARTBEAT_TIMEOUT_MS',
  'RETENTION_SECONDS', 'RETENTION_PER_USER', 'RETENTION_BROADCAST', 'IDEMPOTENCY_SECONDS'
] as const

/** 0 lifts a limit: from here on it is a number that is never reached. */
function liftZeros (settings: Settings): Partial<Settings> {
  return Object.fromEntries(limitNames.map((name) => [name, settings[name] === 0 ? Number.MAX_SAFE_INTEGER : settings[name]]))
}

interface SchemaFault { keyword: string, instancePath: string, message?: string, params: { allowedValue?: unknown } }

/** A setting that fails is named, and stands at its default for the checks that follow. */
function checkEach (given: Record<string, unknown>): [Settings, string[]] {
  const problems = new Map<string, string>()
  for (const [name, value] of Object.entries(given)) { // They pass for a text or a number there.
    if (typeof value !== 'boolean' || name === 'TRUST_PROXY' || SettingsSchema.properties[name as keyof Settings].type === 'boolean') continue
    problems.set(name, `${name} must not be a boolean, and is ${value}`)
    delete given[name]
  }
  for (;;) {
    try {
      const settings = envSchema<Settings>({ schema: SettingsSchema, data: given, env: false })
      const endless = Object.entries(settings).filter(([, value]) => value === Infinity || value === -Infinity) // They pass for integers there.
      if (endless.length === 0) return [settings, [...problems.values()]]

      for (const [name] of endless) {
        problems.set(name, `${name} must be integer, and is ${String(given[name])}`)
        delete given[name]
      }
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

  if (keys.length > 1) problems.push(`${keys.join(' and ')} are set: one key decides`)
  if (keys.length === 0 && !isLoopback(HOST)) {
    problems.push(`HOST is ${HOST}, which others can reach: set JWT_SECRET, JWT_PUBLIC_KEY or JWT_JWKS_URL, or keep to 127.0.0.1`)
  }
  if (JWT_JWKS_URL !== undefined && !isKeySetUrl(JWT_JWKS_URL)) problems.push('JWT_JWKS_URL must be an https: URL without a password, or an http: URL on this machine')
  if (JWT_SECRET?.trim() === '') problems.push('JWT_SECRET is nothing but spaces: leave it out, and a random key is used')
  if (JWT_SECRET?.trimStart().startsWith('-----BEGIN')) problems.push('JWT_SECRET is a PEM key: a public one goes into JWT_PUBLIC_KEY')
  if (JWT_PUBLIC_KEY !== undefined && !isPublicKey(JWT_PUBLIC_KEY)) problems.push('JWT_PUBLIC_KEY is not a public key in PEM, of RSA, EC or Ed25519')

  if (isRedisUrl(BROKER_URL)) problems.push(...faultsOfRedisUrl(BROKER_URL))
  else if (BROKER_URL !== 'memory:' && !/^file:(?!\/\/(?!\/[^/]))./.test(BROKER_URL)) problems.push('BROKER_URL must be memory:, file: and a folder, as in file:./data, or redis: and where it is, as in redis://127.0.0.1:6379')

  if (ALLOWED_ORIGINS !== undefined && ALLOWED_ORIGINS !== '*') {
    if (commaList(ALLOWED_ORIGINS).length === 0) problems.push('ALLOWED_ORIGINS names no origin: leave it out, and only pages of the host itself may connect')
    for (const origin of commaList(ALLOWED_ORIGINS)) {
      if (!isOrigin(origin)) problems.push(`ALLOWED_ORIGINS has "${origin}": ${whatIsOrigin(origin)}`)
    }
  }
  const proxies = parseTrustProxy(TRUST_PROXY)
  if (Array.isArray(proxies) && !proxies.every(isAddressRange)) {
    problems.push('TRUST_PROXY must be true, false, or a comma list of addresses and ranges (10.0.0.0/8)')
  }
  return problems
}

function faultsOfRedisUrl (url: string): string[] {
  try {
    readRedisUrl(url)
    return []
  } catch (error) {
    return [`BROKER_URL cannot be used: ${error instanceof Error ? error.message : String(error)}`]
  }
}

const commaList = (value: string): string[] => value.split(',').map((item) => item.trim()).filter((item) => item !== '')

function parseOrigins (value: string | undefined): string[] | '*' | undefined {
  return value === undefined || value === '*' ? value : commaList(value)
}

const unescapeLines = (pem: string): string => pem.replaceAll('\\n', '\n')

/** Those of ES256, ES384 and ES512 (RFC 7518 §3.4). */
const curves = ['prime256v1', 'secp384r1', 'secp521r1']

function isPublicKey (pem: string): boolean {
  try {
    const { asymmetricKeyType = '', asymmetricKeyDetails } = createPublicKey(unescapeLines(pem))
    return !pem.includes('PRIVATE KEY') && ['rsa', 'ed25519', ...curves].includes(asymmetricKeyDetails?.namedCurve ?? asymmetricKeyType)
  } catch {
    return false
  }
}

/** Who could change the answer on its way could sign tokens. */
function isKeySetUrl (text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  const isSafe = protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname.replace(/^\[|\]$/g, '')))
  return isSafe && username === '' && password === ''
}

function parseTrustProxy (value: string): Config['trustProxy'] {
  return value === 'true' || value === 'false' ? value === 'true' : commaList(value)
}

/** Also of an application with a scheme of its own, such as `capacitor://localhost`; one that looks like `https` is mistyped. */
function isOrigin (text: string): boolean {
  const { origin } = parseOrigin(text) ?? {}
  return (origin === text && isOfWeb(text)) || (origin === 'null' && /^(?![htps]+:)[a-z][a-z\d+.-]*:\/\/[\w.-]+(:\d+)?$/.test(text))
}

const isOfWeb = (text: string): boolean => /^https?:/i.test(text) && !text.includes('*')

/** Browsers send no path, no default port, and a name in other letters as `xn--…`. */
function whatIsOrigin (text: string): string {
  const { origin } = parseOrigin(text) ?? {}
  return origin !== undefined && isOfWeb(text) ? `browsers send ${origin}` : 'an origin is like https://app.example.com'
}

/** An address, a range like 10.0.0.0/8, or one of the names that Fastify's `trustProxy` knows. */
function isAddressRange (value: string): boolean {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(value)) return true
  const [address = '', bits = isIP(address) === 6 ? '128' : '32', ...more] = value.split('/')
  if (more.length > 0 || !/^[1-9]\d*$/.test(bits)) return false
  try {
    new BlockList().addSubnet(address, Number(bits), isIP(address) === 6 ? 'ipv6' : 'ipv4')
    return true
  } catch {
    return false
  }
}
