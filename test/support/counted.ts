import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { addressOf, type Service } from './app.js'
import { type Client, connect } from './client.js'

const CLIENTS = 60

/**
 * Opens sockets at the nodes while one of them sends to all, and returns the ids of what did not reach as many as it was answered.
 * Who reads it from the journal before his node hears of it gets it too, and is not counted.
 */
export async function countedInVain (t: import('tap').Test, nodes: [Service, ...Service[]]): Promise<string[]> {
  const send = async () => await nodes[0].app.notifications.broadcast({ notificationType: 'info', data: {} })
  const clients: Client[] = []
  const opening = Promise.all(Array.from({ length: CLIENTS }, async (_, i) => {
    await sleep(3 * i)
    const client = await connect(t, addressOf(nodes[i % nodes.length] ?? nodes[0], `user${i}`))
    await client.next()
    clients.push(client)
  }))
  const sent = []
  while (clients.length < CLIENTS) sent.push(await send())
  await opening
  const last = await send()
  for (const { socket, frames } of clients) {
    while (frames.at(-1)?.id !== last.id) await once(socket, 'message')
  }

  const received = clients.flatMap(({ frames }) => frames.map(({ id }) => id))
  if (!sent.some(({ connections }) => connections > 0 && connections < CLIENTS)) throw new Error('nothing was sent while sockets were opened')
  return sent.filter(({ id, connections }) => received.filter((one) => one === id).length < connections).map(({ id }) => id)
}
