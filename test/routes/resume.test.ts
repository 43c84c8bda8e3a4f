import t from 'tap'
import { addressOf, build, type Service } from '../support/app.js'
import { type Client, connect } from '../support/client.js'
import { moveClock } from '../support/clock.js'
import { countedInVain } from '../support/counted.js'

const body = (n: number) => ({ notification_type: 'info', message: { n } })
const resumeAt = (service: Service, userId: string, id: string) => `${addressOf(service, userId)}&last_event_id=${encodeURIComponent(id)}`

/** The numbers of the notifications that a client gets next. */
async function take (client: Client, count: number): Promise<unknown[]> {
  const numbers: unknown[] = []
  while (numbers.length < count) numbers.push((await client.nextOf('notification')).data['n'])
  return numbers
}

t.test('who comes back gets what he missed, his own and broadcasts, in order, then what is live', async (t) => {
  const service = await build(t)
  const first = await connect(t, addressOf(service, 'ada'))
  const { data: { last_event_id: newest, resume, replayed } } = await first.next()
  t.match({ newest, resume, replayed }, { newest: /^\w+-0$/, resume: 'none', replayed: 0 })
  first.socket.terminate()
  await service.post('/notify/ada', body(1))
  await service.post('/broadcast', body(2))
  await service.post('/notify/ben', body(3))
  await service.post('/broadcast', { ...body(4), exclude_user: 'ada' })
  const { body: { id } } = await service.post('/notify/ada', body(5))

  const back = await connect(t, resumeAt(service, 'ada', String(newest)))
  t.match((await back.next()).data, { resume: 'caught_up', replayed: 3, last_event_id: id })
  t.strictSame(await take(back, 3), [1, 2, 5])
  await service.post('/notify/ada', body(6))
  t.strictSame(await take(back, 1), [6])

  const again = await connect(t, resumeAt(service, 'ada', String(id)))
  t.match((await again.next()).data, { resume: 'caught_up', replayed: 1 })
  t.strictSame(await take(again, 1), [6])
})

t.test('who is counted gets it, also where it was sent before his first frame', async (t) => {
  t.strictSame(await countedInVain(t, [await build(t)]), [])
})

t.test('every kind of id', async (t) => {
  const service = await build(t, { RETENTION_PER_USER: 2 })
  const ids = []
  for (let n = 1; n <= 4; n++) ids.push(String((await service.post('/notify/ada', body(n))).body['id']))
  const [oldest = '', beyond = '', old = '', newest = ''] = ids
  const epoch = newest.split('-')[0] ?? ''

  for (const [id, resume, numbers] of [
    [newest, 'caught_up', []],
    [old, 'caught_up', [4]],
    [beyond, 'caught_up', [3, 4]],
    [oldest, 'gap', [3, 4]],
    ['another-3', 'gap', [3, 4]],
    [`${epoch}-5`, 'gap', [3, 4]],
    ['garbage', 'gap', [3, 4]],
    ['', 'gap', [3, 4]]
  ] as const) {
    const client = await connect(t, resumeAt(service, 'ada', id))
    t.match((await client.next()).data, { resume, replayed: numbers.length, last_event_id: newest }, `"${id}"`)
    t.strictSame(await take(client, numbers.length), numbers)
    client.socket.terminate()
  }
  const twice = await connect(t, `${resumeAt(service, 'ada', old)}&last_event_id=${newest}`)
  t.match((await twice.next()).data, { resume: 'gap' })
})

t.test('an anonymous socket resumes broadcasts', async (t) => {
  const service = await build(t, { ALLOW_ANONYMOUS: true })
  const { body: { id } } = await service.post('/broadcast', body(1))
  await service.post('/notify/ada', body(2))
  await service.post('/broadcast', { ...body(3), exclude_user: 'ada' })

  const client = await connect(t, `${service.ws}?last_event_id=${String(id)}`)

  t.match((await client.next()).data, { user_id: null, resume: 'caught_up', replayed: 1 })
  t.strictSame(await take(client, 1), [3])
})

t.test('what has outlived its ttl is not replayed, and not passed over in silence', async (t) => {
  const pass = moveClock(t)
  const service = await build(t)
  const { body: { id } } = await service.post('/notify/ada', body(1))
  await service.post('/notify/ada', { ...body(2), ttl: 3 })
  await service.post('/notify/ada', { ...body(3), ttl: 60 })

  const early = await connect(t, resumeAt(service, 'ada', String(id)))
  t.match((await early.next()).data, { resume: 'caught_up', replayed: 2 })
  pass(3)
  const late = await connect(t, resumeAt(service, 'ada', String(id)))
  t.match((await late.next()).data, { resume: 'gap', replayed: 1 })
  t.strictSame(await take(late, 1), [3])
  for (const ttl of [0, -1, 1.5, '60', null]) t.match(await service.post('/notify/ada', { ...body(4), ttl }), { status: 400, body: { field: 'ttl' } })
})

t.test('what is older than RETENTION_SECONDS is not replayed, and said to be missing', async (t) => {
  const pass = moveClock(t)
  const service = await build(t, { RETENTION_SECONDS: 60 })
  const { body: { id } } = await service.post('/notify/ada', body(1))
  const resume = async () => (await (await connect(t, resumeAt(service, 'ada', String(id)))).next()).data
  await service.post('/notify/ada', body(2))
  pass(50)
  await service.post('/notify/ada', body(3))

  t.match(await resume(), { resume: 'caught_up', replayed: 2 })
  pass(11)
  t.match(await resume(), { resume: 'gap', replayed: 1 })
})

t.test('a replay of thousands reaches a reader that reads, and others are served meanwhile', async (t) => {
  const service = await build(t, { RETENTION_PER_USER: 0, MAX_BUFFERED_BYTES: 100_000 })
  const { notifications } = service.app
  const count = 5000
  await Promise.all(Array.from({ length: count }, (_, n) => notifications.sendToUser('ada', { notificationType: 'info', data: { n, pad: 'x'.repeat(500) } })))
  const other = await connect(t, addressOf(service, 'ben'))

  const client = await connect(t, resumeAt(service, 'ada', ''))
  const pongs = []
  for (let i = 0; i < 10; i++) {
    other.send({ type: 'ping' })
    await other.nextOf('pong')
    pongs.push(client.frames.length)
  }
  await notifications.sendToUser('ada', { notificationType: 'info', data: { n: count } })

  t.strictSame(await take(client, count + 1), Array.from({ length: count + 1 }, (_, n) => n))
  t.ok((pongs[0] ?? 0) < count, `the first pong came after ${pongs[0]} of ${count} frames`)
})

t.test('who does not read his replay costs nothing, and gets the rest when he reads', async (t) => {
  const service = await build(t, { RETENTION_PER_USER: 0, MAX_BUFFERED_BYTES: 200_000 })
  const send = (n: number) => service.app.notifications.sendToUser('ada', { notificationType: 'info', data: { n, pad: 'x'.repeat(50_000) } })
  for (let n = 0; n < 400; n++) await send(n) // 20 MB: more than the kernel takes.

  const client = await connect(t, resumeAt(service, 'ada', ''))
  client.socket.pause()
  for (let n = 400; n < 500; n++) t.equal((await send(n)).connections, 1)
  client.socket.resume()

  t.strictSame(await take(client, 500), Array.from({ length: 500 }, (_, n) => n))
})
