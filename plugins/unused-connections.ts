import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

/** Connections without a whole request, such as browsers open in advance, do not hold up a stop. To be registered last: what stops before it still takes requests. */
const unusedConnectionsPlugin: FastifyPluginAsync = async (fastify) => {
  const unused = new Set<Socket>()
  function forget (this: Socket): void { unused.delete(this) }
  const used = ({ socket }: IncomingMessage): void => {
    if (unused.delete(socket)) socket.off('close', forget)
  }
  fastify.server.on('connection', (socket: Socket) => {
    unused.add(socket)
    socket.once('close', forget)
  })
  fastify.server.on('request', used).on('upgrade', used)
  fastify.addHook('preClose', async () => {
    for (const socket of unused) socket.destroy()
  })
}

export default fp(unusedConnectionsPlugin, { name: 'unused-connections', fastify: '5.x' })
