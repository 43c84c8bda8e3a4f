import { once } from 'node:events'
import t from 'tap'
import { addressOf, build } from '../support/app.js'
import { connect } from '../support/client.js'
import { connectRaw } from '../support/raw-client.js'

const fast = { HEARTBEAT_INTERVAL_MS: 200, HEARTBEAT_TIMEOUT_MS: 100 }

t.test('heartbeats come by themselves, and who answers pings stays', async (t) => {
  const service = await build(t, fast)
  const client = await connect(t, addressOf(service, 'ada'))

  for (let i = 0; i < 4; i++) t.match(await client.nextOf('heartbeat'), { timestamp: /^\d{4}-.*Z$/ })

  t.equal(service.app.connections.getTotalConnectionsCount(), 1)
})

t.test('a peer that stays silent is closed with 4002 and forgotten', async (t) => {
  const service = await build(t, fast)
  const socket = await connectRaw(t, addressOf(service, 'ada'))
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => { chunks.push(chunk) })

  await once(socket, 'close')

  t.ok(Buffer.concat(chunks).includes(Buffer.from([4002 >> 8, 4002 & 0xff])))
  t.equal(service.app.connections.getTotalConnectionsCount(), 0)
  t.strictSame(service.app.connections.getConnectedUsers(), [])
})

t.test('a peer that neither reads nor answers is forgotten too', async (t) => {
  const service = await build(t, { ...fast, MAX_BUFFERED_BYTES: 0 })
  const socket = await connectRaw(t, addressOf(service, 'ada'))
  socket.pause()
  const healthy = await connect(t, addressOf(service, 'ben'))
  for (let i = 0; i < 100; i++) {
    await service.app.notifications.sendToUser('ada', { notificationType: 'info', data: { text: 'x'.repeat(60_000) } })
  }

  while (service.app.connections.getUserConnectionsCount('ada') > 0) await healthy.nextOf('heartbeat')

  t.strictSame(service.app.connections.getConnectedUsers(), ['ben'])
})
