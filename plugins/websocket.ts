import { EventEmitter } from 'node:events'
import type { Server } from 'node:http'
import websocket, { type WebSocket } from '@fastify/websocket'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { completeUpgrades, giveSocket, HANDSHAKE_TIMEOUT_MS, isUpgrade, takeUpgrades } from '../src/upgrades.js'

export interface WebsocketOptions {
  maxMessageBytes: number
}

/** In how many fragments a message may come, and a frame of usual size in how many reads: each is held in a buffer of its own, of some 200 bytes, until the whole is there. */
const MAX_PIECES = 1024

/** Pongs that may wait to be written to one socket. */
const MAX_WAITING_PONGS = 60

/** Of this plugin, in one scope and another: each upgrade is served by one of them. */
const own = new WeakSet<FastifyInstance['websocketServer']>()

/**
 * Upgrades, and the route constraint `upgrade: 'none'` for a resource that shares its path with a socket.
 * There can be one upgrade listener in an application: where there is one already, its sockets are used.
 */
const websocketPlugin: FastifyPluginAsync<WebsocketOptions> = async (fastify, { maxMessageBytes }) => {
  if (!fastify.hasConstraintStrategy('upgrade')) {
    fastify.addConstraintStrategy({
      name: 'upgrade',
      storage: () => {
        const handlers = new Map()
        return { get: (key) => handlers.get(key) ?? null, set: (key, handler) => { handlers.set(key, handler) } }
      },
      deriveConstraint: (request) => isUpgrade(request) ? 'websocket' : 'none'
    })
  }
  if (fastify.hasDecorator('websocketServer')) {
    completeUpgrades(fastify.server)
    return
  }

  const upgrades = new EventEmitter()
  upgrades.on('upgrade', giveSocket)
  // Newer than the types of `ws`.
  const bounds = { closeTimeout: HANDSHAKE_TIMEOUT_MS, maxFragments: MAX_PIECES, maxBufferedChunks: Math.max(MAX_PIECES, maxMessageBytes / 64) }
  await fastify.register(websocket, {
    // One message of a socket in a turn of the event loop: who sends thousands at once does not keep the others waiting.
    // `ws` answers no pings: what it does that with keeps a socket that is gone from being collected young.
    options: { server: upgrades as Server, maxPayload: maxMessageBytes, perMessageDeflate: false, allowSynchronousEvents: false, autoPong: false, ...bounds },
    // The sockets of an application that this is part of; the connection manager closes its own.
    preClose (done) {
      for (const socket of waiting) socket.destroy()
      for (const client of fastify.websocketServer.clients) client.close()
      done()
    }
  })
  own.add(fastify.websocketServer)
  // A scope above this one can get sockets of its own later on, and every upgrade would be served by both.
  fastify.addHook('onReady', async () => {
    const { websocketServer: above } = Object.getPrototypeOf(fastify) as Partial<FastifyInstance>
    if (above !== undefined && !own.has(above)) throw new Error('@fastify/websocket has to be registered before fastify-herald, which then uses its sockets')
  })
  // For the routes of an application that this is part of; herald's own take all listeners off their sockets.
  fastify.websocketServer.on('connection', answerPings)
  const waiting = takeUpgrades(fastify.server, (...upgrade) => { upgrades.emit('upgrade', ...upgrade) })
}

/** As `ws` does it by itself (RFC 6455 §5.5.3): who sends pings and reads no pongs is cut off. */
function answerPings (socket: WebSocket): void {
  let waiting = 0
  const written = () => { waiting-- }
  socket.on('ping', (payload) => {
    if (socket.readyState !== socket.OPEN) return
    if (waiting === MAX_WAITING_PONGS) {
      socket.terminate()
      return
    }
    waiting++
    socket.pong(payload, undefined, written)
  })
}

export default fp(websocketPlugin, { name: 'websocket', fastify: '5.x' })
