// `npm run example:cluster`: a redis-server, three nodes and a load balancer on this machine; Ctrl-C ends all of it.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { sign } from '../scripts/jwt.js'
import { freePort } from '../scripts/ports.js'
import { prepare } from '../scripts/prepare.js'
import { startBalancer } from './balancer.js'

const NODES = 3
const PORT = Number(process.env.PORT ?? 8000)

if (!(process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'redis-server')))) {
  console.error('redis-server is missing. Install it with: apt-get install redis-server')
  process.exit(1)
}
await prepare()

const folder = mkdtempSync(join(tmpdir(), 'herald-cluster-'))
const children = []
let stopping = false

process.once('exit', () => { rmSync(folder, { recursive: true, force: true }) })
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM']) process.on(signal, () => { stop(0).catch(() => {}) })

try {
  const redisPort = await freePort()
  await run('redis', 'redis-server', ['--port', redisPort, '--bind', '127.0.0.1', '--dir', folder, '--appendonly', 'yes', '--save', ''], {}, /Ready to accept/)

  const secret = randomBytes(32).toString('hex')
  const ports = []
  for (let i = 1; i <= NODES; i++) {
    const port = await freePort()
    await run(`node ${i}`, process.execPath, [join(import.meta.dirname, '../dist/src/server.js')], {
      PORT: port, BROKER_URL: `redis://127.0.0.1:${redisPort}`, JWT_SECRET: secret, WS_AUTH: 'optional', ALLOW_ANONYMOUS: 'true', TEST_PAGE: 'true', LOG_LEVEL: 'warn'
    }, undefined, port)
    ports.push(port)
  }
  await startBalancer(PORT, () => ports)

  const token = sign({ sub: 'my_user_id', scope: 'notifications:publish stats:read connections:manage' }, secret)
  const base = `http://127.0.0.1:${PORT}/api/v1/ws`
  console.log(`
Three nodes behind ${base}, which gives each connection to the next of them: ${ports.join(', ')}
Redis listens on ${redisPort}; processes: ${children.map(({ pid }) => pid).join(', ')}

Open this twice, and connect in both as my_user_id: the two are on different nodes.
  ${base}/test#token=${token}

Send to both:
  curl -X POST ${base}/notify/my_user_id -H 'Authorization: Bearer ${token}' -H 'Content-Type: application/json' -d '{"notification_type":"info","message":{"title":"Hello"}}'

Ctrl-C ends all of it.`)
} catch (error) {
  console.error(error.code === 'EADDRINUSE' ? `port ${PORT} is in use: stop what listens there, or set PORT` : error.message)
  await stop(1)
}

/** Starts a program; resolves when it says that it is ready, or listens on its port. */
async function run (name, program, args, env, ready, port) {
  const child = spawn(program, args.map(String), { env: { ...process.env, ...Object.fromEntries(Object.entries(env).map(([key, value]) => [key, String(value)])) }, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  children.push(child)
  child.on('exit', (code) => {
    if (!stopping) console.log(`${name} has ended (${code ?? 'killed'})`)
  })
  let text = ''
  const isReady = new Promise((resolve, reject) => {
    createInterface(child.stdout).on('line', (line) => {
      text += `${line}\n`
      if (ready?.test(line)) resolve()
      if (ready === undefined) console.log(`${name}: ${line}`)
    })
    createInterface(child.stderr).on('line', (line) => { console.log(`${name}: ${line}`) })
    child.once('error', reject)
    child.once('exit', () => { reject(new Error(`${name} did not start:\n${text}`)) })
    if (port !== undefined) untilHealthy(port).then(resolve, reject)
  })
  await isReady
}

async function untilHealthy (port) {
  for (let tries = 0; tries < 200; tries++) {
    const response = await fetch(`http://127.0.0.1:${port}/health/ready`).catch(() => undefined)
    if (response?.ok) return
    await new Promise((resolve) => { setTimeout(resolve, 50) })
  }
  throw new Error(`the node at ${port} did not become ready`)
}

/** The nodes first, so that they can say goodbye to Redis. */
async function stop (code) {
  if (stopping) return
  stopping = true
  const [redis, ...nodes] = children
  await Promise.all(nodes.map(end))
  if (redis !== undefined) await end(redis)
  process.exit(code)
}

async function end (child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => { child.once('exit', resolve) })
  child.kill('SIGTERM')
  const patience = setTimeout(() => { child.kill('SIGKILL') }, 12_000)
  await ended
  clearTimeout(patience)
}
