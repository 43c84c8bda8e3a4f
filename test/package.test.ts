import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { prepareBuild, root, run } from './support/process.js'

const project = mkdtempSync(join(tmpdir(), 'herald-package-'))
t.teardown(() => { rmSync(project, { recursive: true, force: true }) })

/** What every program does: serves with the plugin, connects, sends, counts, and tells. */
const body = `
const app = fastify()
app.register(herald, { BROKER_URL: 'memory:', JWT_SECRET: 'a secret of the package, 32 bytes long', WS_AUTH: 'optional', MAX_ERRORS: 3 })
app.get('/mine', async () => ({ mine: true }))
const address = await app.listen({ host: '127.0.0.1', port: 0 })

const socket = new WebSocket(address.replace('http', 'ws') + '/api/v1/ws/ada')
const frames = on(socket, 'message')
const next = async () => JSON.parse(String((await frames.next()).value[0]))
const status = await next()
const outcome = await app.notifications.sendToUser('ada', { notificationType: 'info', data: { title: 'Hello' } })
const broadcast = await app.notifications.broadcast({ notificationType: 'system', data: {}, excludeUser: 'ben' })
const got = [await next(), await next()]
const count = app.connections.getUserConnectionsCount('ada')
const total = app.connections.getTotalConnectionsCount()
const users = app.connections.getConnectedUsers()
const mine = await (await fetch(address + '/mine')).json()
await app.close()
console.log(JSON.stringify({ status, outcome, broadcast, got, count, total, users, mine }))
`

const expected = {
  status: { type: 'connection_status', data: { user_id: 'ada' } },
  outcome: { user_id: 'ada', online: true, connections: 1 },
  broadcast: { connections: 1, users: 1 },
  got: [{ type: 'notification', notification_type: 'info', data: { title: 'Hello' } }, { type: 'notification', notification_type: 'system' }],
  count: 1,
  total: 1,
  users: ['ada'],
  mine: { mine: true }
}

const imports = `
import { on } from 'node:events'
import { fastify } from 'fastify'
import herald from 'fastify-herald'
import { WebSocket } from 'ws'
`

const write = (name: string, text: string) => { writeFileSync(join(project, name), text) }

async function runProgram (t: Test, name: string) {
  const { code, stdout, stderr } = await run(t, process.execPath, [name], {}, project)
  t.equal(code, 0, stderr)
  return JSON.parse(stdout)
}

t.before(async () => {
  prepareBuild()
  write('package.json', '{"private":true,"type":"module"}')
  const packed = await npm(t, ['pack', '--silent', '--pack-destination', project], root)
  const tarball = packed.trim().split('\n').at(-1) ?? ''
  await npm(t, ['install', '--prefer-offline', '--no-audit', '--no-fund', join(project, tarball), '@types/node@20'], project)
})

async function npm (t: Test, args: string[], folder: string): Promise<string> {
  const { code, stdout, stderr } = await run(t, 'npm', args, {}, folder)
  if (code !== 0) throw new Error(`npm ${args[0]} failed:\n${stdout}\n${stderr}`)
  return stdout
}

t.test('a JavaScript program uses the package', async (t) => {
  write('program.js', imports + body)

  t.match(await runProgram(t, 'program.js'), expected)
})

t.test('a TypeScript program type-checks with the package, and runs', async (t) => {
  write('typed.ts', `${imports.replace('herald from', 'herald, { AppError, type HeraldOptions, type NotifyOutcome, type Sent } from')}
const options: HeraldOptions = { JWT_SECRET: 'x', MAX_CONNECTIONS: 5, TEST_PAGE: false }
// @ts-expect-error: a limit is a number
const wrong: HeraldOptions = { MAX_CONNECTIONS: {} }
${body}
const ownSocket = () => app.get('/own', { websocket: true }, (socket) => { socket.send('x') })
const typed: [number, string[], boolean, string] = [count, users, outcome.online, broadcast.id]
const sent: Sent<NotifyOutcome> = outcome
const fails = () => { throw new AppError('invalid_request', 'no such thing', 'thing') }
// @ts-expect-error: a notification has a type
void app.notifications.sendToUser('ada', { data: {} }).catch(() => {})
export { options, wrong, typed, sent, fails, ownSocket }
`)
  write('tsconfig.json', JSON.stringify({
    compilerOptions: { strict: true, exactOptionalPropertyTypes: true, module: 'nodenext', target: 'es2023', types: ['node'], skipLibCheck: false, outDir: 'out' },
    files: ['typed.ts']
  }))

  const { code, stdout } = await run(t, join(root, 'node_modules/.bin/tsc'), ['-p', '.'], {}, project)

  t.equal(code, 0, stdout)
  t.match(await runProgram(t, 'out/typed.js'), expected)
})

t.test('a CommonJS program uses the package', async (t) => {
  write('program.cjs', `
const { on } = require('node:events')
const { fastify } = require('fastify')
const herald = require('fastify-herald')
const { WebSocket } = require('ws')
async function main () {${body}}
main()
`)

  t.match(await runProgram(t, 'program.cjs'), expected)
})

t.test('two applications in one process share nothing', async (t) => {
  write('two.js', `${imports}
import jwt from '@fastify/jwt'
const serve = async (JWT_SECRET) => {
  const app = fastify()
  app.register(herald, { BROKER_URL: 'memory:', JWT_SECRET })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  const signer = fastify()
  await signer.register(jwt, { secret: JWT_SECRET })
  const token = signer.jwt.sign({ sub: 'ada', scope: 'stats:read' })
  const connect = (with_) => new Promise((resolve) => {
    const socket = new WebSocket(address.replace('http', 'ws') + '/api/v1/ws/ada?token=' + with_)
    const frames = []
    socket.on('error', () => {})
    socket.on('unexpected-response', (request, response) => { resolve(response.statusCode) })
    socket.on('message', (data) => { frames.push(JSON.parse(data)); if (frames.length === 1) resolve({ socket, frames }) })
  })
  const stats = async (with_) => (await fetch(address + '/api/v1/ws/stats', { headers: { authorization: 'Bearer ' + with_ } })).status
  return { app, token, connect, stats }
}
const one = await serve('the secret of the one, 32 bytes or more')
const two = await serve('the secret of the two, 32 bytes or more')
const first = await one.connect(one.token)
const second = await two.connect(two.token)
const third = await two.connect(two.token)
const sent = await one.app.notifications.broadcast({ notificationType: 'info', data: {} })
const notNoticed = new Promise((resolve) => { second.socket.once('message', resolve) })
await two.app.notifications.sendToUser('ada', { notificationType: 'of two', data: {} })
await notNoticed
const report = {
  counts: [one, two].map(({ app }) => app.connections.getUserConnectionsCount('ada')),
  sent: sent.connections,
  second: second.frames.map(({ notification_type: type }) => type ?? 'status'),
  refused: [await one.connect(two.token), await two.connect(one.token), await one.stats(two.token), await two.stats(one.token)],
  accepted: [await one.stats(one.token), await two.stats(two.token)]
}
await one.app.close()
report.afterOneIsClosed = (await two.app.notifications.sendToUser('ada', { notificationType: 'info', data: {} })).connections
await two.app.close()
console.log(JSON.stringify(report))
`)

  t.strictSame(await runProgram(t, 'two.js'), {
    counts: [1, 2],
    sent: 1,
    second: ['status', 'of two'],
    refused: [401, 401, 401, 401],
    accepted: [200, 200],
    afterOneIsClosed: 2
  })
})

t.test('the command of the package runs', async (t) => {
  const { code, stdout, stderr } = await run(t, join(project, 'node_modules/.bin/herald'), ['help'], {}, project)

  t.equal(code, 0, stderr)
  t.match(stdout, 'herald token')
})

t.test('the test page comes with the package', async (t) => {
  write('page.js', `${imports}
const app = fastify()
app.register(herald, {})
const page = await app.inject('/api/v1/ws/test')
await app.close()
console.log(JSON.stringify({ status: page.statusCode, type: page.headers['content-type'] }))
`)

  t.match(await runProgram(t, 'page.js'), { status: 200, type: /^text\/html/ })
})
