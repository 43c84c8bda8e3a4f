import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { addressOf, build, type Service } from './support/app.js'
import { parseFrames } from './support/frames.js'
import { connectRaw } from './support/raw-client.js'

type Write = (...args: unknown[]) => unknown

/** Counts the writes to the system of the next socket that a service accepts, whichever way they take. */
function countWrites ({ app }: Service): () => number {
  let writes = 0
  app.server.once('connection', (socket) => {
    const { _handle: handle } = socket as Socket & { _handle: Record<string, Write> }
    for (const name of ['writeBuffer', 'writev', 'writeLatin1String', 'writeUtf8String', 'writeAsciiString', 'writeUcs2String']) {
      const write = handle[name]
      if (write === undefined) throw new Error(`a socket of this Node has no ${name}`)
      handle[name] = (...args) => {
        writes++
        return write.apply(handle, args)
      }
    }
  })
  return () => writes
}

t.test('what one turn brings leaves a real socket in one write, in order', async (t) => {
  const service = await build(t, { HEARTBEAT_INTERVAL_MS: 0 })
  const writes = countWrites(service)
  const socket = await connectRaw(t, addressOf(service, 'ada'))
  let received = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => { received = Buffer.concat([received, chunk]) })
  const messages = () => parseFrames(received).frames.map(({ payload }) => JSON.parse(payload.toString())).filter(({ type }) => type === 'notification')
  const { notifications } = service.app

  for (const turn of [1, 2, 3]) {
    await sleep(20)
    const before = writes()
    await Promise.all(Array.from({ length: 10 }, (_, i) => {
      const notification = { notificationType: 'info', data: { turn, i } }
      return i % 3 === 0 ? notifications.sendToUser('ada', notification) : notifications.broadcast(notification)
    }))
    while (messages().length < 10 * turn) await sleep(5)

    t.equal(writes() - before, 1)
  }
  const expected = [1, 2, 3].flatMap((turn) => Array.from({ length: 10 }, (_, i) => ({ turn, i })))
  t.strictSame(messages().map(({ data }) => data), expected)
})
