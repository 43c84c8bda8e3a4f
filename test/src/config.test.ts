import { generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { ConfigError, readConfig } from '../../src/config.js'

function problemsOf (source: Record<string, unknown>): string[] {
  try {
    readConfig(source)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

t.test('without any setting it is a developer\'s machine', async (t) => {
  t.match(readConfig({}), {
    HOST: '127.0.0.1', PORT: 8000, keyed: false, WS_AUTH: 'optional', ALLOW_ANONYMOUS: true, TEST_PAGE: true, MAX_CONNECTIONS_PER_USER: 20
  })
})

t.test('with a key, everything open must be asked for', async (t) => {
  t.match(readConfig({ JWT_SECRET: 'x', HOST: '0.0.0.0' }), { keyed: true, WS_AUTH: 'required', ALLOW_ANONYMOUS: false, TEST_PAGE: false })
  t.match(readConfig({ JWT_SECRET: 'x', WS_AUTH: 'optional', ALLOW_ANONYMOUS: 'true', TEST_PAGE: 'true' }),
    { WS_AUTH: 'optional', ALLOW_ANONYMOUS: true, TEST_PAGE: true })
})

t.test('an empty value counts as not set, an unknown name is ignored, 0 lifts a limit', async (t) => {
  const config = readConfig({ PORT: '', JWT_SECRET: '', TEST_PAGE: '', PATH: '/bin', prefix: '/x', MAX_ERRORS: '0', HEARTBEAT_INTERVAL_MS: 0 })

  t.match(config, { PORT: 8000, keyed: false, TEST_PAGE: true, MAX_ERRORS: Number.MAX_SAFE_INTEGER, HEARTBEAT_INTERVAL_MS: Number.MAX_SAFE_INTEGER })
  t.notOk('prefix' in config)
})

t.test('a secret is what it is, spaces and all; other settings are trimmed', async (t) => {
  t.match(readConfig({ JWT_SECRET: 'secret\n', JWT_ISSUER: ' us ' }), { JWT_SECRET: 'secret\n', JWT_ISSUER: 'us' })
  t.throws(() => readConfig({ JWT_SECRET: ' \n' }), { message: /JWT_SECRET/ })
  t.equal(readConfig({ JWT_ISSUER: ' ' }).JWT_ISSUER, undefined)
})

t.test('an origin may have a scheme of its own, and a proxy be a range or a name', async (t) => {
  t.match(readConfig({ ALLOWED_ORIGINS: 'https://a.example, capacitor://localhost' }), { allowedOrigins: ['https://a.example', 'capacitor://localhost'] })
  t.strictSame(readConfig({ TRUST_PROXY: '10.0.0.0/8, uniquelocal' }).trustProxy, ['10.0.0.0/8', 'uniquelocal'])
  for (const origin of ['app://obsidian.md', 'capacitor://app.example.com:3000']) t.strictSame(readConfig({ ALLOWED_ORIGINS: origin }).allowedOrigins, [origin])
  t.match(problemsOf({ ALLOWED_ORIGINS: 'https://пример.рф' }), [/browsers send https:\/\/xn--/])
  for (const origin of ['capacitor://localhost/', 'htps://a.example', 'mailto:a', 'https://a.example/path', 'https://*.example', 'ws://a.example']) t.match(problemsOf({ ALLOWED_ORIGINS: origin }), [/^ALLOWED_ORIGINS has/], origin)
})

t.test('origins that are listed are some', async (t) => {
  t.match(problemsOf({ ALLOWED_ORIGINS: ' , ' }), [/^ALLOWED_ORIGINS names no origin/])
})

t.test('null counts as not set, and a boolean is one only where it can be', async (t) => {
  t.match(readConfig({ JWT_SECRET: null, DRAIN_SECONDS: null, MAX_BODY_BYTES: null, TRUST_PROXY: true, TEST_PAGE: false }), { keyed: false, DRAIN_SECONDS: 10, MAX_BODY_BYTES: 65_536, trustProxy: true, TEST_PAGE: false })
  t.equal(readConfig({ JWT_ISSUER: null }).JWT_ISSUER, undefined)
  for (const name of ['JWT_SECRET', 'JWT_ISSUER', 'MAX_BODY_BYTES', 'LOG_LEVEL', 'WS_AUTH']) t.strictSame(problemsOf({ [name]: false }), [`${name} must not be a boolean, and is false`])
})

t.test('a number has an end', async (t) => {
  for (const value of ['Infinity', '-Infinity', '1e309']) {
    t.strictSame(problemsOf({ DRAIN_SECONDS: value, PORT: value }).sort(), [`DRAIN_SECONDS must be integer, and is ${value}`, `PORT must be integer, and is ${value}`])
  }
})

t.test('a folder is one of this machine', async (t) => {
  for (const url of ['file:./data', 'file:data', 'file:/var/lib/herald', 'file:///var/lib/herald']) t.equal(readConfig({ BROKER_URL: url }).BROKER_URL, url)
  for (const url of ['file:', 'file://', 'file://data']) t.match(problemsOf({ BROKER_URL: url }), [/^BROKER_URL must be/], url)
})

t.test('a proxy is named by an address, a range or a word', async (t) => {
  for (const proxies of ['10.0.0.1', '10.0.0.0/8', '2001:db8::/32', 'loopback']) t.strictSame(readConfig({ TRUST_PROXY: proxies }).trustProxy, [proxies])
  for (const proxies of ['0.0.0.0/0', '::/0', '10.0.0.0/', '10.0.0.0/08', '10.0.0.0/0x8', '10.0.0.0/8/8', '10.0.0.0/33']) t.match(problemsOf({ TRUST_PROXY: proxies }), [/^TRUST_PROXY /], proxies)
})

t.test('every problem is named', async (t) => {
  const problems = problemsOf({
    PORT: 'abc',
    HOST: '0.0.0.0',
    LOG_LEVEL: 'loud',
    MESSAGE_RATE: '-1',
    TEST_PAGE: 'yes',
    BROKER_URL: 'redis://:secret@host:port',
    ALLOWED_ORIGINS: 'https://ok.example.com, nonsense',
    TRUST_PROXY: '1'
  })

  const names = problems.map((line) => line.split(' ')[0])
  t.strictSame(names.sort(), ['ALLOWED_ORIGINS', 'BROKER_URL', 'HOST', 'LOG_LEVEL', 'MESSAGE_RATE', 'PORT', 'TEST_PAGE', 'TRUST_PROXY'])
  t.notMatch(problems.join(), 'secret')
  t.match(problems.join(), 'JWT_SECRET', 'the way out is said')
})

t.test('one key, of a kind that can be used', async (t) => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const privatePem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

  t.strictSame(problemsOf({ JWT_PUBLIC_KEY: pem }), [])
  t.equal(readConfig({ JWT_PUBLIC_KEY: pem.replaceAll('\n', '\\n') }).JWT_PUBLIC_KEY, pem)
  t.match(problemsOf({ JWT_PUBLIC_KEY: pem, JWT_SECRET: 'x' }), [/JWT_SECRET and JWT_PUBLIC_KEY/])
  t.match(problemsOf({ JWT_PUBLIC_KEY: privatePem }), [/^JWT_PUBLIC_KEY/])
  t.match(problemsOf({ JWT_PUBLIC_KEY: 'nonsense' }), [/^JWT_PUBLIC_KEY/])
  t.match(problemsOf({ JWT_SECRET: pem }), [/JWT_PUBLIC_KEY/])
})

t.test('a key set comes over TLS, or from this machine', async (t) => {
  for (const JWT_JWKS_URL of ['https://id.example.com/jwks', 'http://127.0.0.1:8080/jwks.json', 'http://[::1]/jwks', 'http://localhost/jwks']) {
    t.strictSame(problemsOf({ JWT_JWKS_URL }), [])
    t.match(readConfig({ JWT_JWKS_URL, HOST: '0.0.0.0' }), { keyed: true, WS_AUTH: 'required', ALLOW_ANONYMOUS: false })
  }
  for (const JWT_JWKS_URL of ['http://id.example.com/jwks', 'http://10.0.0.1/jwks', 'file:///jwks.json', 'nonsense', 'https://user:secret@id.example.com/jwks']) {
    const problems = problemsOf({ JWT_JWKS_URL })
    t.match(problems, [/^JWT_JWKS_URL must be an https: URL/])
    t.notMatch(problems.join(), 'secret')
  }
  t.match(problemsOf({ JWT_JWKS_URL: 'https://a/jwks', JWT_SECRET: 'x' }), [/JWT_SECRET and JWT_JWKS_URL/])
})

t.test('without a key only loopback will do', async (t) => {
  for (const HOST of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) t.strictSame(problemsOf({ HOST }), [])
  for (const HOST of ['0.0.0.0', '::', '10.0.0.1', 'example.com']) t.match(problemsOf({ HOST }), [/^HOST/])
})
