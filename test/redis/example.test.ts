import { existsSync } from 'node:fs'
import t from 'tap'
import { connect } from '../support/client.js'
import { freePort } from '../../scripts/ports.js'
import { prepareBuild, start } from '../support/process.js'
import { post } from '../support/rest.js'
import { hasTool } from '../support/tools.js'

t.before(prepareBuild)

t.test('npm run example:cluster shows three nodes that are one, and ends all of it on Ctrl-C', async (t) => {
  if (!hasTool(t, 'redis')) return

  const port = await freePort()
  const example = start(t, process.execPath, ['example/cluster.js'], { PORT: String(port) })
  const [, page = '', token = ''] = await example.stdout.match(/(http:\S+\/test)#token=(\S+)/)
  const [, pids = ''] = await example.stdout.match(/processes: ([\d, ]+)/)
  t.equal((await fetch(page)).status, 200)

  const clients = []
  for (let i = 0; i < 3; i++) clients.push(await connect(t, `ws://127.0.0.1:${port}/api/v1/ws/my_user_id?token=${token}`))
  const { body } = await post({ http: `http://127.0.0.1:${port}/api/v1/ws` }, '/notify/my_user_id', { notification_type: 'info', message: { title: 'Hello' } }, { authorization: `Bearer ${token}` })
  t.match(body, { connections: 3 })
  for (const client of clients) t.match(await client.nextOf('notification'), { data: { title: 'Hello' } })

  example.kill('SIGINT')
  t.strictSame(await example.exited, { code: 0, signal: null })
  for (const pid of pids.split(', ')) t.notOk(existsSync(`/proc/${pid}`), `process ${pid} has ended`)
})
