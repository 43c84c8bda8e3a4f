import t from 'tap'
import { addressOf, build, SECRET } from '../support/app.js'
import { connect } from '../support/client.js'
import { prepareBuild, startServer } from '../support/process.js'
import { startRedis } from '../support/redis.js'
import { sign } from '../support/token.js'
import { hasTool } from '../support/tools.js'
import { until } from '../support/wait.js'

if (!hasTool(t, 'redis')) process.exit()
t.before(prepareBuild)

const headers = { 'content-type': 'application/json', authorization: `Bearer ${sign({ scope: 'notifications:publish' })}` }
const body = JSON.stringify({ notification_type: 'info', message: {} })

t.test('Redis loses its newest, and a node that may have heard of more than a client is gone: he is told of a gap', async (t) => {
  const kept = { folder: t.testdir(), args: ['--appendonly', 'no'] }
  const redis = await startRedis(t, kept)
  const here = await build(t, { BROKER_URL: redis.url })
  const there = await startServer(t, { BROKER_URL: redis.url, JWT_SECRET: SECRET })
  const publish = async () => {
    const response = await fetch(`${there.http}/notify/ada`, { method: 'POST', headers, body })
    return (await response.json() as { id: string }).id
  }
  const client = await connect(t, addressOf(here, 'ada'))
  await client.next()
  const first = await publish()
  redis.cli('SAVE')
  const newest = await publish()
  while ((await client.next()).id !== newest);
  client.socket.terminate()
  await until(() => here.app.connections.getTotalConnectionsCount() === 0, 5000)
  await publish() // Nobody hears of it.

  for (const { kill } of [redis, there]) kill('SIGKILL')
  await Promise.all([redis.exited, there.exited])
  await startRedis(t, { ...kept, port: redis.port })
  await until(async () => (await fetch(`http://127.0.0.1:${here.port}/health/ready`)).status === 200, 10_000)

  for (const id of [first, newest]) {
    const back = await connect(t, `${addressOf(here, 'ada')}&last_event_id=${id}`)
    t.match(await back.next(), { data: { resume: 'gap', replayed: 0 } })
  }
  const { body: { id } } = await here.post('/notify/ada', JSON.parse(body))
  t.match(await (await connect(t, `${addressOf(here, 'ada')}&last_event_id=${String(id)}`)).next(), { data: { resume: 'caught_up' } })
})
