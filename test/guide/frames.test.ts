import t from 'tap'
import { addressOf, ALL_SCOPES, build } from '../support/app.js'
import { connect } from '../support/client.js'
import { block, blocks } from '../support/guide.js'
import { sign } from '../support/token.js'

/** Paths of all fields of a JSON value with the JSON type of each, arrays by their first item. */
function shapeOf (value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return [`${path}: array`, ...(value.length > 0 ? shapeOf(value[0], `${path}[]`) : [])]
  if (typeof value !== 'object' || value === null) return [`${path}: ${value === null ? 'null' : typeof value}`]
  return [`${path}: object`, ...Object.entries(value).flatMap(([name, child]) => shapeOf(child, `${path}.${name}`))]
}

const json = (heading: string, label?: string) => JSON.parse(block('json', heading, label))

/** Address and body of an example request. */
function request (heading: string): { method: string, path: string, body: Record<string, unknown> } {
  const [head = '', body = ''] = block('http', heading).split('\n\n')
  const [method = '', path = ''] = head.split(/[ \n]/)
  return { method, path, body: body === '' ? {} : JSON.parse(body.replace(/ +\/\/.*$/gm, '')) }
}

const headings = {
  stats: '1. Получить статистику соединений',
  notify: '2. Отправить уведомление пользователю',
  broadcast: '3. Broadcast уведомление',
  connected: '1. Соединение установлено',
  ping: '2. Ping-Pong',
  getStats: '3. Получить статистику',
  heartbeat: '4. Heartbeat (автоматический)',
  notification: '5. Уведомления',
  disconnect: '6. Disconnect'
}

t.test('every JSON and HTTP example of the guide has its row here', async (t) => {
  const examples = new Set(blocks.filter(({ language }) => ['json', 'http'].includes(language)).map(({ heading }) => heading))

  t.strictSame([...examples].sort(), Object.values(headings).sort())
})

t.test('the server sends every field of every example, with the same name and type', async (t) => {
  const service = await build(t, { HEARTBEAT_INTERVAL_MS: 200 })
  const client = await connect(t, addressOf(service, 'user123', 'stats:read'))
  const notify = request(headings.notify)
  const broadcast = request(headings.broadcast)
  const relative = (path: string) => path.replace('/api/v1/ws', '').replace('{user_id}', 'user123')
  const ask = async (frame: unknown, type: string) => {
    client.send(frame)
    return await client.nextOf(type)
  }

  const table = [
    [json(headings.connected), await client.nextOf('connection_status')],
    [json(headings.ping, 'Получить'), await ask(json(headings.ping, 'Отправить'), 'pong')],
    [json(headings.getStats, 'Получить'), await ask(json(headings.getStats, 'Отправить'), 'stats')],
    [json(headings.heartbeat), await client.nextOf('heartbeat')],
    [json(headings.stats), await (await fetch(`${service.http}${relative(request(headings.stats).path)}`, {
      headers: { authorization: `Bearer ${sign({ scope: ALL_SCOPES })}` }
    })).json()]
  ]
  t.equal((await service.post(relative(notify.path), notify.body)).status, 200)
  const notification = await client.nextOf('notification')
  table.push([json(headings.notification), notification])
  t.equal((await service.post(relative(broadcast.path), broadcast.body)).status, 200)
  const { data, notification_type: type } = await client.nextOf('notification')

  for (const [example, actual] of table) {
    const shape = shapeOf(actual)
    t.strictSame(shapeOf(example).filter((field) => !shape.includes(field)), [], JSON.stringify(example))
  }
  t.match({ data: notification.data, notification_type: notification.notification_type }, { data: notify.body['message'], notification_type: notify.body['notification_type'] })
  t.match({ data, type }, { data: broadcast.body['message'], type: broadcast.body['notification_type'] })
  client.send(json(headings.disconnect))
  t.match(await client.closed, { code: 1000 })
})

t.test('exclude_user of the guide is left out', async (t) => {
  const service = await build(t)
  const admin = await connect(t, addressOf(service, 'admin'))

  const { body } = await service.post('/broadcast', request(headings.broadcast).body)

  t.match(body, { connections: 0 })
  admin.send({ type: 'ping' })
  await admin.nextOf('pong')
  t.notOk(admin.frames.some(({ type }) => type === 'notification'))
})
