import { AsyncResource, createHook } from 'node:async_hooks'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { addressOf, build } from './support/app.js'
import { connectRaw } from './support/raw-client.js'

setFlagsFromString('--expose-gc')
const collect: (options?: { type: 'minor' }) => void = runInNewContext('gc')

const SOCKETS = 100

/**
 * What is not collected young stays until the old generation is, and each collection until then copies it once more.
 * Of sockets whose outboxes are empty: for what a full one has besides, there is the rule in `eslint.config.js`.
 */
t.test('a socket that is gone is collected with what is young', async (t) => {
  const service = await build(t)
  const open = new Set<number>()
  const hook = createHook({ destroy (id) { open.delete(id) } }).enable()
  t.teardown(() => { hook.disable() })
  service.app.server.on('connection', (socket: Socket) => {
    const mark = new AsyncResource('SOCKET') // It lives as long as the socket.
    open.add(mark.asyncId())
    Object.assign(socket, { mark })
  })

  async function openAndClose (count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const socket = await connectRaw(t, addressOf(service, `ada${i}`))
      socket.resetAndDestroy()
      await once(socket, 'close')
      while (service.app.connections.getTotalConnectionsCount() > 0) await turn()
    }
  }

  await openAndClose(10)
  collect()
  await turn()
  open.clear()
  await openAndClose(SOCKETS)
  for (let i = 0; i < 3; i++) {
    collect({ type: 'minor' })
    await turn()
  }

  t.ok(open.size < SOCKETS / 10, `${open.size} of ${SOCKETS} are still there`)
})
