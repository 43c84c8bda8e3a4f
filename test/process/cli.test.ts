import t, { type Test } from 'tap'
import { SECRET } from '../support/app.js'
import { type Environment, prepareBuild, run, startServer } from '../support/process.js'
import { post } from '../support/rest.js'

const cli = 'dist/src/cli.js'

t.before(prepareBuild)

const herald = async (t: Test, args: string[], env: Environment = { JWT_SECRET: SECRET }) => await run(t, process.execPath, [cli, ...args], env)

const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())

t.test('a token of the command is one that a service with the same key takes', async (t) => {
  const server = await startServer(t, { JWT_SECRET: SECRET })

  const { code, stdout: token, stderr } = await herald(t, ['token', '--sub', 'service', '--scope', 'notifications:publish', '--expires', '1h'])

  t.equal(code, 0)
  t.equal(stderr, '')
  const { sub, scope, iat, exp } = claimsOf(token)
  t.strictSame({ sub, scope, lifetime: exp - iat }, { sub: 'service', scope: 'notifications:publish', lifetime: 3600 })
  t.equal((await post(server, '/notify/ada', { notification_type: 'info', message: {} }, { authorization: `Bearer ${token}` })).status, 200)
  const stats = await fetch(`${server.http}/stats`, { headers: { authorization: `Bearer ${token}` } })
  t.equal(stats.status, 403, 'it has no other scope')
})

t.test('a service with another key refuses the token', async (t) => {
  const server = await startServer(t, { JWT_SECRET: 'another secret of the tests, 32 bytes or more' })

  const { stdout: token } = await herald(t, ['token', '--sub', 'service', '--scope', 'stats:read'])

  t.equal((await fetch(`${server.http}/stats`, { headers: { authorization: `Bearer ${token}` } })).status, 401)
})

t.test('issuer and audience are read as the service reads them', async (t) => {
  const { stdout: token } = await herald(t, ['token', '--sub', 'ada'], { JWT_SECRET: SECRET, JWT_ISSUER: ' us\n', JWT_AUDIENCE: ' ' })

  const claims = claimsOf(token)
  t.equal(claims.iss, 'us')
  t.notOk('aud' in claims)
})

t.test('without --expires a token has no end, with several scopes it has them all', async (t) => {
  const { stdout: token } = await herald(t, ['token', '--sub', 'Алёна', '--scope', 'stats:read notifications:publish'])

  const claims = claimsOf(token)
  t.match(claims, { sub: 'Алёна', scope: 'stats:read notifications:publish' })
  t.notOk('exp' in claims)
})

const faults: Array<{ name: string, args: string[], env?: Environment, says: RegExp }> = [
  { name: 'an unknown command', args: ['stop'], says: /stop/ },
  { name: 'the name of a property of every object', args: ['constructor'], says: /constructor/ },
  { name: 'no --sub', args: ['token'], says: /--sub/ },
  { name: 'an empty --sub', args: ['token', '--sub', ''], says: /--sub/ },
  { name: 'a --sub without a value', args: ['token', '--sub'], says: /--sub/ },
  { name: 'an unknown option', args: ['token', '--sub', 'ada', '--scopes', 'stats:read'], says: /--scopes/ },
  { name: 'a surplus argument', args: ['token', '--sub', 'ada', 'stats:read'], says: /stats:read/ },
  { name: 'an unknown scope', args: ['token', '--sub', 'ada', '--scope', 'stats:read notifications:send'], says: /"notifications:send"; there are notifications:publish/ },
  { name: '--expires that is no time', args: ['token', '--sub', 'ada', '--expires', 'soon'], says: /--expires/ },
  { name: '--expires without a unit', args: ['token', '--sub', 'ada', '--expires', '3600'], says: /--expires/ },
  { name: 'an empty --expires', args: ['token', '--sub', 'ada', '--expires', ''], says: /--expires/ },
  { name: 'no JWT_SECRET', args: ['token', '--sub', 'ada'], env: {}, says: /JWT_SECRET/ },
  { name: 'an empty JWT_SECRET', args: ['token', '--sub', 'ada'], env: { JWT_SECRET: '' }, says: /JWT_SECRET/ }
]

for (const { name, args, env, says } of faults) {
  t.test(`${name} is refused in a line that says so`, async (t) => {
    const { code, stdout, stderr } = await herald(t, args, env)

    t.equal(code, 1)
    t.match(stderr.split('\n')[0], says)
    t.notMatch(stderr, /^\s+at /m, 'no stack')
    t.equal(stdout, '')
  })
}

for (const args of [[], ['help'], ['--help']]) {
  t.test(`herald ${args.join(' ')} tells the commands`, async (t) => {
    const { code, stdout } = await herald(t, args)

    t.equal(code, 0)
    for (const command of ['herald start', 'herald token']) t.match(stdout, command)
  })
}

t.test('start starts the service', async (t) => {
  const server = await startServer(t, { JWT_SECRET: SECRET }, [cli, 'start'])

  t.equal((await fetch(`${server.http}/stats`)).status, 401)
  server.kill('SIGTERM')
  t.strictSame(await server.exited, { code: 0, signal: null })
})

t.test('start says which settings cannot be used', async (t) => {
  const { code, stderr } = await herald(t, ['start'], { PORT: 'abc' })

  t.equal(code, 1)
  t.match(stderr, 'PORT')
})
