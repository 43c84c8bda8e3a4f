import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { addressOf, build } from '../support/app.js'
import { connect } from '../support/client.js'
import { freePort } from '../../scripts/ports.js'
import { start } from '../support/process.js'
import { startRedis } from '../support/redis.js'
import { isReady } from '../support/rest.js'
import { hasTool } from '../support/tools.js'
import { until } from '../support/wait.js'

if (!hasTool(t, 'redis')) process.exit()

const body = { notification_type: 'info', message: {} }

t.test('Sentinel makes the replica the master: all goes on there, and what had not reached it is said to be missing', async (t) => {
  const master = await startRedis(t)
  const replica = await startRedis(t, { args: ['--replicaof', '127.0.0.1', String(master.port), '--repl-diskless-sync-delay', '0'] })
  const port = await freePort()
  const config = join(t.testdir(), 'sentinel.conf')
  writeFileSync(config, [
    `port ${port}`, 'bind 127.0.0.1', 'requirepass guarded', `sentinel monitor herald 127.0.0.1 ${master.port} 1`,
    'sentinel down-after-milliseconds herald 1000', 'sentinel failover-timeout herald 5000'
  ].join('\n'))
  const sentinel = start(t, '/usr/bin/redis-server', [config, '--sentinel'])
  await sentinel.stdout.match(/\+slave/)
  await until(() => replica.cli('INFO', 'replication').includes('master_link_status:up'), 10_000)

  const url = `redis://127.0.0.1:${port}/2?sentinel=herald&sentinel_password=guarded`
  const nodes = [await build(t, { BROKER_URL: url }), await build(t, { BROKER_URL: url })] as const
  const [here, there] = [await connect(t, addressOf(nodes[0], 'ada')), await connect(t, addressOf(nodes[1], 'ada'))]
  for (const client of [here, there]) await client.next()

  const replicated = await nodes[0].post('/notify/ada', body)
  await until(() => replica.cli('-n', '2', 'HGET', 'herald:{all}:journal', 'seq') === '1', 5_000)
  replica.kill('SIGSTOP')
  master.cli('CLIENT', 'KILL', 'TYPE', 'replica')
  const lost = await nodes[0].post('/notify/ada', body)
  t.match([replicated.status, lost.status], [200, 200])
  for (const client of [here, there]) t.match([(await client.next()).id, (await client.next()).id], [replicated.body['id'], lost.body['id']])
  master.kill('SIGKILL')
  replica.kill('SIGCONT')
  await until(async () => !await isReady(nodes[0]), 5_000)
  for (const node of nodes) await until(() => isReady(node), 30_000)

  const after = await nodes[1].post('/notify/ada', body)
  t.equal(after.status, 200)
  for (const client of [here, there]) {
    t.equal((await client.next()).id, after.body['id'], 'the sockets are still open')
  }
  const hasAll = await connect(t, `${addressOf(nodes[0], 'ada')}&last_event_id=${lost.body['id']}`)
  t.match(await hasAll.next(), { data: { resume: 'caught_up', replayed: 1 } })
  const lacksOne = await connect(t, `${addressOf(nodes[1], 'ada')}&last_event_id=${replicated.body['id']}`)
  t.match(await lacksOne.next(), { data: { resume: 'gap', replayed: 1 } })
})

t.test('a Sentinel that takes connections and does not answer is not waited for: the others are asked', async (t) => {
  const master = await startRedis(t)
  const folder = t.testdir()
  const ports = [await freePort(), await freePort()]
  const sentinels = await Promise.all(ports.map(async (port) => {
    const config = join(folder, `sentinel-${port}.conf`)
    writeFileSync(config, [`port ${port}`, 'bind 127.0.0.1', `sentinel monitor herald 127.0.0.1 ${master.port} 2`].join('\n'))
    const sentinel = start(t, '/usr/bin/redis-server', [config, '--sentinel'])
    await sentinel.stdout.match(/\+monitor/)
    return sentinel
  }))
  const others = () => spawnSync('/usr/bin/redis-cli', ['-p', String(ports[0]), 'SENTINEL', 'sentinels', 'herald'], { encoding: 'utf8' }).stdout
  await until(() => /\nsentinel\n/.test(others()), 15_000) // And not `sentinel,disconnected`, which a client does not ask.
  const node = await build(t, { BROKER_URL: `redis://127.0.0.1:${ports[0]}?sentinel=herald` })
  await until(() => isReady(node), 5_000)

  sentinels[0]?.kill('SIGSTOP')
  for (let i = 0; i < 3; i++) { // They are asked in turn.
    master.cli('CLIENT', 'KILL', 'TYPE', 'normal')
    await until(async () => !await isReady(node), 5_000)
    await until(() => isReady(node), 15_000)
  }

  t.equal((await node.post('/notify/ada', body)).status, 200)
  sentinels[0]?.kill('SIGCONT')
})
