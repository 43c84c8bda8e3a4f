import { once } from 'node:events'
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from 'node:net'
import t from 'tap'
import { addressOf, build, SECRET } from '../support/app.js'
import { connect } from '../support/client.js'
import { prepareBuild, startServer } from '../support/process.js'
import { startRedis } from '../support/redis.js'
import { isReady, readiness } from '../support/rest.js'
import { hasTool } from '../support/tools.js'
import { until } from '../support/wait.js'

if (!hasTool(t, 'redis')) process.exit()
t.before(prepareBuild)

const body = { notification_type: 'info', message: {} }

t.test('a service that starts before Redis does is not ready, and becomes it', async (t) => {
  const gone = await startRedis(t)
  gone.kill('SIGKILL')
  await gone.exited
  const node = await build(t, { BROKER_URL: gone.url })
  t.match(await readiness(node), { status: 503, body: { detail: /Redis/ } })
  t.match(await node.post('/notify/ada', body), { status: 503 })

  await startRedis(t, { port: gone.port })
  await until(() => isReady(node), 10_000)
  t.match(await node.post('/notify/ada', body), { status: 200 })
})

t.test('Redis falls silent while a node begins anew: the node drops the connections and tries again', async (t) => {
  const redis = await startRedis(t)
  let silent: Socket[] | undefined = []
  const proxy = createServer((client) => {
    const server = connectTcp(redis.port, '127.0.0.1')
    client.on('error', () => {})
    server.on('error', () => {})
    client.on('data', (bytes) => {
      if (silent?.length === 0 && bytes.includes('LOAD')) silent.push(client)
      if (silent?.includes(client) !== true) server.write(bytes)
    })
    server.on('data', (bytes) => { if (silent?.includes(client) !== true) client.write(bytes) })
    client.on('close', () => { server.destroy() })
  })
  await once(proxy.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => { proxy.close() })

  const node = await build(t, { BROKER_URL: `redis://127.0.0.1:${(proxy.address() as AddressInfo).port}` })
  t.equal(silent.length, 1)
  t.notOk(await isReady(node))
  await until(() => isReady(node), 15_000)
  silent = undefined
})

t.test('a node that is told to stop does so, whatever Redis does', async (t) => {
  for (const signal of ['SIGSTOP', 'SIGKILL'] as const) {
    const redis = await startRedis(t)
    const node = await startServer(t, { BROKER_URL: redis.url, JWT_SECRET: SECRET })
    await until(() => isReady(node), 5_000)
    redis.kill(signal)
    node.kill('SIGTERM')

    const started = performance.now()
    t.strictSame(await node.exited, { code: 0, signal: null }, signal)
    t.ok(performance.now() - started < 5_000)
  }
})

t.test('a node that stops at once, with sockets, says nothing of Redis', async (t) => {
  const redis = await startRedis(t)
  const lines: string[] = []
  const node = await build(t, { BROKER_URL: redis.url, DRAIN_SECONDS: 0 }, { write: (line: string) => { lines.push(line) } })
  const clients = await Promise.all(Array.from({ length: 50 }, async (_, i) => await connect(t, addressOf(node, `ada${i}`))))

  await node.app.close()

  for (const client of clients) t.match(await client.closed, { code: 1001 })
  t.strictSame(lines.filter((line) => JSON.parse(line).level > 30), [])
  t.equal(redis.cli('HLEN', 'herald:{all}:users'), '0')
})
