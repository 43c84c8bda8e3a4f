import type { IncomingMessage } from 'node:http'
import { Server, type Socket } from 'node:net'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

export interface UnusedConnectionsOptions {
  /** How long those that came in last have for what they came for: a proxy may have sent it already, and does not send a POST twice. */
  lastRequestMs: number
}

/** Turns of the event loop in each of which somebody came, after which others are not waited for. */
const MOST_TURNS = 100

/** Connections without a whole request, such as browsers open in advance, do not hold up a stop. To be registered last: what stops before it still takes requests. */
const unusedConnectionsPlugin: FastifyPluginAsync<UnusedConnectionsOptions> = async (fastify, { lastRequestMs }) => {
  const unused = new Set<Socket>()
  let came = 0
  function forget (this: Socket): void { unused.delete(this) }
  const used = ({ socket }: IncomingMessage): void => {
    if (unused.delete(socket)) socket.off('close', forget)
  }
  fastify.server.on('connection', (socket: Socket) => {
    came++
    unused.add(socket)
    socket.once('close', forget)
  })
  fastify.server.on('request', used).on('upgrade', used)
  fastify.addHook('preClose', async () => {
    // Those that wait to be let in would be reset: a turn in which nobody comes has let in all.
    for (let seen = -1, turns = 0; seen !== came && turns < MOST_TURNS; turns++) {
      seen = came
      await nextTurn()
      await nextTurn()
    }
    // Not that of HTTP, which would end them.
    if (fastify.server.listening) Server.prototype.close.call(fastify.server)
    if (unused.size > 0) await sleep(lastRequestMs)
    for (const socket of unused) socket.destroy()
  })
}

export default fp(unusedConnectionsPlugin, { name: 'unused-connections', fastify: '5.x' })
