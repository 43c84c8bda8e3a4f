import { EventEmitter, once } from 'node:events'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { build, type Service } from '../support/app.js'
import { openBrowser, servePage } from '../support/browser.js'
import { block } from '../support/guide.js'
import { Lines } from '../support/lines.js'
import { type Running, start } from '../support/process.js'
import { hasTool } from '../support/tools.js'

const message = { title: 'Новое сообщение', content: 'У вас есть новое сообщение' }

/** The code under a heading of the guide, as it stands there but for the address of the service. */
function cut (language: string, heading: string, { port }: Service): string {
  const parts = block(language, heading).split('localhost:8000')
  if (parts.length !== 2) throw new Error(`the code under "${heading}" has not one address to replace`)
  return parts.join(`127.0.0.1:${port}`)
}

/** A service as it is with no configuration. */
const buildUnconfigured = async (t: Test) => await build(t, { JWT_SECRET: '' })

t.test('the JavaScript client of the guide runs in Chromium', async (t) => {
  if (!hasTool(t, 'chromium')) return
  const service = await buildUnconfigured(t)
  const browser = await openBrowser(t)
  const page = await browser.newPage()
  const log = new Lines()
  const calls = new EventEmitter()
  page.on('console', (line) => { log.push(line.text()) })
  page.on('pageerror', (error) => { calls.emit('error', error) }) // Fails whatever is awaited, or else the test.
  for (const name of ['showNotification', 'updateConnectionStats', 'socketClosed']) {
    await page.exposeFunction(name, (...args: unknown[]) => { calls.emit(name, ...args) })
  }

  await page.goto(await servePage(t, `<!doctype html><link rel="icon" href="data:,"><script>${cut('javascript', 'JavaScript Client', service)}</script>`))
  await page.evaluate("ws.addEventListener('close', ({ code, wasClean }) => { socketClosed({ code, wasClean }) })")

  await log.match(/^Connected to WebSocket$/)
  await log.match(/^Connection established: .*status: connected, user_id: my_user_id/)

  await page.evaluate('sendPing()')
  await log.match(/^Pong received$/)

  const stats = once(calls, 'updateConnectionStats')
  await page.evaluate('getStats()')
  t.strictSame(await stats, [{ total_connections: 1, user_connections: 1, connected_users: ['my_user_id'] }])

  const notification = once(calls, 'showNotification')
  await service.app.notifications.sendToUser('my_user_id', { notificationType: 'info', data: message })
  t.strictSame(await notification, ['info', message])

  const closed = once(calls, 'socketClosed')
  await page.evaluate('disconnect()')
  const [end] = await closed
  t.equal(end.wasClean, true)
  t.ok([1000, 1005].includes(end.code), 'the server answers the close, or closes first')
  await log.match(/^WebSocket connection closed$/)
  t.equal(service.app.connections.getTotalConnectionsCount(), 0)
})

t.test('the Python client of the guide runs', async (t) => {
  if (!hasTool(t, 'websockets')) return
  const service = await buildUnconfigured(t)
  const client = runPython(t, cut('python', 'Python Client', service))

  await client.stdout.match(/^Received: \{'type': 'connection_status', 'data': \{'status': 'connected', 'user_id': 'python_user'/)
  await client.stdout.match(/^Received: \{'type': 'pong', 'timestamp': '[-\dT:.]+Z'\}$/)
  await client.stdout.match(/^Pong received!$/)
  await service.app.notifications.sendToUser('python_user', { notificationType: 'info', data: message })
  await client.stdout.match(/^Notification: \{'type': 'notification', .*'notification_type': 'info', 'data': \{'title': 'Новое сообщение'/)

  await service.app.close()
  t.equal((await client.exited).code, 0, 'its loop ends when the server goes away')
  t.equal(client.stderr.text, '')
})

t.test('the Python client of the guide sees stats when it asks for them', async (t) => {
  if (!hasTool(t, 'websockets')) return
  const service = await buildUnconfigured(t)
  const code = cut('python', 'Python Client', service)
  const ping = 'await websocket.send(json.dumps({"type": "ping"}))\n'
  const asking = code.replace(ping, `${ping}        ${ping.replace('ping', 'get_stats')}`)
  t.not(asking, code)

  const client = runPython(t, asking)

  await client.stdout.match(/^Pong received!$/)
  await client.stdout.match(/^Received: \{'type': 'stats', 'data': \{'total_connections': 1, 'user_connections': 1, 'connected_users': \['python_user'\]\}/)
})

function runPython (t: Test, code: string): Running {
  const folder = t.testdir({ 'client.py': code })
  return start(t, '/usr/bin/python3', ['-u', join(folder, 'client.py')], { PYTHONIOENCODING: 'utf-8' })
}
