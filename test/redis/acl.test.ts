import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { addressOf, build } from '../support/app.js'
import { connect } from '../support/client.js'
import { root } from '../support/process.js'
import { startRedis } from '../support/redis.js'
import { isReady } from '../support/rest.js'
import { hasTool } from '../support/tools.js'
import { until } from '../support/wait.js'

if (!hasTool(t, 'redis')) process.exit()

t.test('two nodes work as a user of Redis who may do no more than the documentation says', async (t) => {
  const redis = await startRedis(t)
  const [, rights = ''] = /`ACL SETUSER herald on >secret ([^`]+)`/.exec(readFileSync(join(root, 'docs/operations.md'), 'utf8')) ?? []
  t.equal(redis.cli('ACL', 'SETUSER', 'herald', 'on', '>secret', ...rights.split(' ')), 'OK')
  const settings = { BROKER_URL: redis.url.replace('redis://', 'redis://herald:secret@'), CONNECT_RATE: 100 }
  const [here, there] = [await build(t, settings), await build(t, settings)]
  const client = await connect(t, addressOf(there, 'ada'))
  const { data: { last_event_id: first } } = await client.next()

  for (const path of ['/notify/ada', '/broadcast']) {
    const { status, body } = await here.post(path, { notification_type: 'info', message: {}, ttl: 60 }, { 'idempotency-key': 'once' })
    t.match({ status, body }, { status: 200, body: { connections: 1 } })
    t.equal((await client.next()).id, body['id'])
  }
  t.match((await (await connect(t, `${addressOf(here, 'ada')}&last_event_id=${String(first)}`)).next()).data, { resume: 'caught_up', replayed: 2, total_connections: 2 })
  await here.app.connections.disconnectUser('ada')
  t.match(await client.closed, { code: 4503 })
  for (let i = 0; i < 2; i++) await until(async () => await isReady(here), 5000)

  t.equal(redis.cli('ACL', 'LOG'), '', 'nothing was refused')
})
