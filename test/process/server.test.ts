import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { ALL_SCOPES, SECRET } from '../support/app.js'
import { connect, refusal } from '../support/client.js'
import { prepareBuild, run, type Server, start, startServer } from '../support/process.js'
import { connectRaw } from '../support/raw-client.js'
import { sign } from '../support/token.js'
import { hasTool } from '../support/tools.js'
import { until } from '../support/wait.js'

const program = 'dist/src/server.js'

t.before(prepareBuild)

t.test('with no settings the log is JSON, and has a link and a curl line that work', async (t) => {
  if (!hasTool(t, 'curl')) return
  const server = await startServer(t)
  const client = await connect(t, `${server.ws}/my_user_id`)
  t.match(await client.next(), { data: { user_id: 'my_user_id' } })

  const link = await messageOf(server, /^test page: /)
  t.match(link, /^test page: http:\/\/127\.0\.0\.1:\d+\/api\/v1\/ws\/test#token=[\w-]+\.[\w-]+\.[\w-]+$/)
  t.equal((await fetch(link.replace('test page: ', ''))).status, 200)

  const line = /curl .*/.exec(await messageOf(server, /curl /))?.[0] ?? ''
  const pasted = await run(t, 'sh', ['-c', line])
  t.equal(pasted.code, 0, pasted.stderr)
  t.match(JSON.parse(pasted.stdout), { user_id: 'my_user_id', online: true, connections: 1 })
  t.match(await client.nextOf('notification'), { notification_type: 'info', data: { title: 'Hello' } })

  for (const entry of server.stdout.all) t.match(JSON.parse(entry), { level: Number, time: Number, msg: String })
  t.equal(server.stderr.text, '')
})

t.test('the token in the link has what the service asks for', async (t) => {
  const server = await startServer(t, { JWT_ISSUER: 'us', JWT_AUDIENCE: 'herald' })
  const [, token] = (await messageOf(server, /^test page: /)).split('#token=')

  t.equal((await fetch(`${server.http}/stats`, { headers: { authorization: `Bearer ${token}` } })).status, 200)
})

t.test('without a key another HOST is refused, saying what to set', async (t) => {
  const { code, stderr } = await run(t, process.execPath, [program], { PORT: '0', HOST: '0.0.0.0' })

  t.equal(code, 1)
  t.match(stderr, /HOST/)
  t.match(stderr, /JWT_SECRET/)
})

t.test('all settings that cannot be used are listed at once', async (t) => {
  const bad = { PORT: 'abc', MESSAGE_RATE: '-1', LOG_LEVEL: 'loud', BROKER_URL: 'foo:', ALLOWED_ORIGINS: 'nonsense' }

  const { code, stdout, stderr } = await run(t, process.execPath, [program], bad)

  t.equal(code, 1)
  for (const name of Object.keys(bad)) t.match(stderr, name)
  t.notMatch(stderr, /^\s+at /m, 'no stack')
  t.equal(stdout, '')
})

t.test('an empty value counts as not set', async (t) => {
  const names = [
    'HOST', 'LOG_LEVEL', 'BROKER_URL', 'JWT_SECRET', 'JWT_PUBLIC_KEY', 'JWT_JWKS_URL', 'JWT_ISSUER', 'JWT_AUDIENCE', 'WS_AUTH', 'ALLOW_ANONYMOUS',
    'TEST_PAGE', 'ALLOWED_ORIGINS', 'TRUST_PROXY', 'MAX_CONNECTIONS', 'MESSAGE_RATE', 'MAX_ERRORS', 'HEARTBEAT_INTERVAL_MS', 'DRAIN_SECONDS'
  ]

  const server = await startServer(t, Object.fromEntries(names.map((name) => [name, ''])), undefined, t.testdir())

  t.match(await messageOf(server, /^test page: /), /#token=/)
})

t.test('a port that is in use is one clear line', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => other.close())
  const port = String((other.address() as AddressInfo).port)

  const { code, stderr } = await run(t, process.execPath, [program], { PORT: port })

  t.equal(code, 1)
  t.match(stderr, port)
  t.equal(stderr.split('\n').length, 1, stderr)
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`${signal} closes the one socket that there is with 1001 soon, and ends with 0`, async (t) => {
    const server = await startServer(t)
    const client = await connect(t, server.ws)
    const asked = Date.now()

    server.kill(signal)

    const { data } = await client.nextOf('reconnect')
    t.equal(data.reason, 'shutting down')
    t.ok(Number(data.after_ms) > 500 && Number(data.after_ms) <= 1000, `${String(data.after_ms)} ms: within the first second, which is for balancers`)
    t.match(await client.closed, { code: 1001 })
    t.strictSame(await server.exited, { code: 0, signal: null })
    t.ok(Date.now() - asked < 6000, 'soon, not when the 10 seconds are over')
  })
}

t.test('clients and requests that never end do not hold up a stop', async (t) => {
  const server = await startServer(t, { JWT_SECRET: SECRET, DRAIN_SECONDS: '4' })
  await openSilent(t, server)
  await postHalf(t, server)
  const asked = Date.now()

  server.kill('SIGTERM')

  t.strictSame(await server.exited, { code: 0, signal: null })
  t.ok(Date.now() - asked < 4000)
})

t.test('with DRAIN_SECONDS=0 a stop waits for nobody, and ends with 0', async (t) => {
  const server = await startServer(t, { JWT_SECRET: SECRET, DRAIN_SECONDS: '0' })
  await openSilent(t, server)
  const asked = Date.now()

  server.kill('SIGTERM')

  t.strictSame(await server.exited, { code: 0, signal: null })
  t.ok(Date.now() - asked < 1000)
})

for (const [first, second] of [['SIGINT', 'SIGINT'], ['SIGTERM', 'SIGHUP']] as const) {
  t.test(`a second signal, ${second} behind ${first}, does not cut the stop short`, async (t) => {
    const server = await startServer(t, { JWT_SECRET: SECRET, DRAIN_SECONDS: '2' })
    await openSilent(t, server)

    server.kill(first)
    await messageOf(server, /^stopping$/)
    server.kill(second)

    t.strictSame(await server.exited, { code: 0, signal: null })
  })
}

t.test('in a terminal every log line is one readable line', async (t) => {
  if (!hasTool(t, 'script') || !hasTool(t, 'curl')) return
  const terminal = start(t, '/usr/bin/script', ['-qec', `echo pid=$$; exec ${process.execPath} ${program}`, '/dev/null'], { PORT: '0', TERM: 'xterm' })
  const [, pid] = await terminal.stdout.match(/pid=(\d+)/)
  t.teardown(() => { endIfThere(Number(pid)) })
  const [, base] = await terminal.stdout.match(/listening at (http:\/\/127\.0\.0\.1:\d+)/)
  const [curl] = await terminal.stdout.match(/curl .*'/)
  await fetch(`${base}/nowhere`)

  const pasted = await run(t, 'sh', ['-c', curl])
  process.kill(Number(pid), 'SIGTERM')

  t.match(JSON.parse(pasted.stdout), { user_id: 'my_user_id', online: false })
  t.strictSame(await terminal.exited, { code: 0, signal: null })
  const lines = terminal.stdout.all.slice(1).map(withoutColours)
  t.ok(lines.some((line) => line.includes('refused')))
  for (const line of lines) t.match(line, /^\[\d\d:\d\d:\d\d\.\d{3}\] (TRACE|DEBUG|INFO|WARN|ERROR|FATAL): \S/)
})

t.test('a crash of native code ends the process, also one that Node has when its terminal is gone', async (t) => {
  if (!hasTool(t, 'script')) return
  const crashed = await startServer(t)
  const terminal = start(t, '/usr/bin/script', ['-qec', `echo pid=$$; exec ${process.execPath} ${program}`, '/dev/null'], { PORT: '0', TERM: 'xterm' })
  const [, pid] = await terminal.stdout.match(/pid=(\d+)/)
  t.teardown(() => { endIfThere(Number(pid)) })
  await terminal.stdout.match(/listening/)

  crashed.kill('SIGSEGV')
  terminal.kill('SIGKILL')

  t.strictSame(await crashed.exited, { code: null, signal: 'SIGSEGV' })
  await until(() => hasEnded(pid ?? ''), 10_000)
})

t.test('a token never appears in a log line, however it came and whatever became of the request', async (t) => {
  const server = await startServer(t, { JWT_SECRET: SECRET, LOG_LEVEL: 'trace', TEST_PAGE: 'true', DRAIN_SECONDS: '1' })
  const right = sign({ sub: 'ada', scope: ALL_SCOPES })
  const tokens = [right, sign({ sub: 'ben' }), sign({ sub: 'ada', exp: 1 }), sign({ sub: 'ada' }, 'another secret'), 'not.a-jwt.at-all-but-secret']

  for (const token of tokens) {
    const ways = [
      { headers: { authorization: `Bearer ${token}` } },
      { protocols: ['herald.v1', `bearer.${token}`] },
      { query: `?token=${token}` }
    ]
    for (const { query = '', ...options } of ways) {
      if (token === right) (await connect(t, `${server.ws}/ada${query}`, options)).send({ type: 'ping', id: token })
      else await refusal(`${server.ws}/ada${query}`, options)
    }
    for (const request of ['GET /ada', 'GET /stats', 'GET /test', 'POST /notify/ada', 'POST /broadcast', 'PUT /stats']) {
      const [method = '', path = ''] = request.split(' ')
      for (const query of ['', `?token=${token}`]) {
        const headers = { 'content-type': 'application/json', ...(query === '' && { authorization: `Bearer ${token}` }) }
        const body = method === 'GET' ? null : '{"notification_type":"info","message":{}}'
        await fetch(`${server.http}${path}${query}`, { method, headers, body })
      }
    }
    for (const target of [
      `/nowhere?token=${token}`, `/?token=${token}`, `//?token=${token}`, `http://127.0.0.1/api/v1/ws/ada?token=${token}`,
      `/api/v1/ws/%ff?token=${token}`, `/api/v1/ws/%zz?token=${token}`, `/api/v1/ws/ada?token=${token}%ff`, `/api/v1/ws/${'x'.repeat(3000)}?token=${token}`
    ]) {
      await exchange(t, server, `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`)
      await exchange(t, server, `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
        'Sec-WebSocket-Key: bad\r\n\r\n')
    }
    await exchange(t, server, `GET /api/v1/ws/ada?token=${token} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\na bad line\r\n\r\n`)
    await exchange(t, server, `${token}\r\n\r\n`)
    await exchange(t, server, `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}${'x'.repeat(70_000)}\r\n\r\n`)
  }
  server.kill('SIGTERM')
  t.strictSame(await server.exited, { code: 0, signal: null })

  const output = `${server.stdout.text}\n${server.stderr.text}`
  t.match(output, /"msg":"connected"/)
  t.match(output, /"msg":"refused"/)
  for (const token of tokens) t.notOk(output.includes(token.slice(token.lastIndexOf('.'))), 'not even its signature')
})

/** Sends something raw and waits for an answer. */
async function exchange (t: Test, server: Server, request: string): Promise<void> {
  const socket = dial(t, server)
  socket.write(request)
  await once(socket, 'data')
  socket.destroy()
}

/** The `msg` of the first log entry that matches. */
async function messageOf ({ stdout }: Server, pattern: RegExp): Promise<string> {
  for (let i = 0; ; i++) {
    const { msg } = JSON.parse(await stdout.at(i))
    if (pattern.test(msg)) return msg
  }
}

/** A WebSocket client that neither reads nor answers anything. */
async function openSilent (t: Test, server: Server): Promise<void> {
  const socket = await connectRaw(t, `${server.ws}/silent?token=${sign({ sub: 'silent' })}`)
  socket.pause()
}

/** A request whose body never arrives whole. */
async function postHalf (t: Test, server: Server): Promise<void> {
  const socket = dial(t, server)
  socket.write('POST /api/v1/ws/notify/ada HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\nContent-Type: application/json\r\n' +
    `Authorization: Bearer ${sign({ sub: 'service', scope: 'notifications:publish' })}\r\nContent-Length: 1000\r\n\r\n{"notification_type":`)
  await once(socket, 'data') // "100 Continue": the request is being handled.
}

function dial (t: Test, { port }: Server): Socket {
  const socket = connectTcp(port, '127.0.0.1')
  socket.on('error', () => {})
  t.teardown(() => { socket.destroy() })
  return socket
}

function endIfThere (pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {}
}

/** Gone, or waiting to be counted by whoever it belongs to now. */
const hasEnded = (pid: string): boolean => !existsSync(`/proc/${pid}/stat`) || / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))

// eslint-disable-next-line no-control-regex
const withoutColours = (line: string) => line.replace(/\u001b\[[\d;]*m/g, '')
