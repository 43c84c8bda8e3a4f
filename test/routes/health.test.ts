import t from 'tap'
import { build } from '../support/app.js'
import { refusal } from '../support/client.js'

t.test('a service that does its work is live and ready', async (t) => {
  const { port } = await build(t)

  for (const path of ['live', 'ready']) {
    const response = await fetch(`http://127.0.0.1:${port}/health/${path}`)
    t.match({ status: response.status, body: await response.json() }, { status: 200, body: { status: 'ok' } })
    t.match(await refusal(`ws://127.0.0.1:${port}/health/${path}`), { status: 404 })
  }
})

t.test('one that stops is live, but not ready', async (t) => {
  const { app } = await build(t)

  app.connections.stop(60_000, 0)

  const ready = await app.inject('/health/ready')
  t.match(ready, { statusCode: 503, headers: { 'content-type': /^application\/problem\+json/, 'retry-after': /^\d+$/ } })
  t.match(ready.json(), { status: 503, code: 'shutting_down' })
  t.equal((await app.inject('/health/live')).statusCode, 200)
})
