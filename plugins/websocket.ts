import { EventEmitter } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import websocket, { type WebSocket } from '@fastify/websocket'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { AnsweredSocket } from '../src/answered-socket.js'

export interface WebsocketOptions {
  maxMessageBytes: number
}

/** How long a connection may take to be opened, and one that has ended to be closed. */
const HANDSHAKE_TIMEOUT_MS = 5000

/** How long nothing may move on a connection whose upgrade waits for the answers before it. */
const ANSWER_TIMEOUT_MS = 10_000

/** In how many fragments a message may come, and a frame of usual size in how many reads: each is held in a buffer of its own, of some 200 bytes, until the whole is there. */
const MAX_PIECES = 1024

/** Pongs that may wait to be written to one socket. */
const MAX_WAITING_PONGS = 60

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
    fastify.server.on('upgrade', endAnswered)
    return
  }

  const upgrades = new EventEmitter()
  /** Sockets whose upgrade waits for an answer. */
  const waiting = new Set<Duplex>()
  // A request of `injectWS`, for tests, has no socket.
  upgrades.on('upgrade', (request: Partial<IncomingMessage>, socket: Socket) => { request.socket ??= socket })
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
  // For the routes of an application that this is part of; herald's own take all listeners off their sockets.
  fastify.websocketServer.on('connection', answerPings)
  fastify.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    afterAnswers(socket, () => {
      if (!isUpgrade(request)) {
        serveWithoutUpgrade(fastify.server, request, socket, head)
        return
      }
      if (socket instanceof Socket) socket.setTimeout(HANDSHAKE_TIMEOUT_MS, destroy)
      upgrades.emit('upgrade', request, socket, head)
      endAnswered(request, socket)
    })
  })

  /** Waits for the answers to what was asked before on the same connection (RFC 9112 §9.3.2), which Node does not; it has taken its listeners off the socket. */
  function afterAnswers (socket: AnsweredSocket, goOn: () => void): void {
    const { _httpMessage: answer } = socket
    if (answer == null) {
      goOn()
      return
    }
    const cutOff = () => { socket.destroy() }
    socket.on('error', cutOff).on('timeout', cutOff)
    if (socket instanceof Socket) socket.setTimeout(ANSWER_TIMEOUT_MS)
    waiting.add(socket)
    answer.once('close', () => {
      waiting.delete(socket)
      if (socket.destroyed) return // Its error is yet to come.
      afterAnswers(socket, goOn)
      socket.off('error', cutOff).off('timeout', cutOff)
    })
  }
}

/** Stays on the socket for as long as that lives, and so holds nothing of the request. */
function destroy (this: Socket): void {
  this.destroy()
}

/** Ends the socket of an upgrade that is answered instead, behind the answer. The library does so only for a request that it has seen, which it has not where an earlier hook refuses it or it is for no route. */
function endAnswered (_request: IncomingMessage, socket: AnsweredSocket): void {
  const { _httpMessage: answer } = socket
  if (socket instanceof Socket) answer?.once('finish', () => { socket.destroySoon() })
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

const isUpgrade = ({ method, headers }: { method?: string | undefined, headers: IncomingMessage['headers'] }) =>
  method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket' && /(^|,)\s*upgrade\s*(,|$)/i.test(headers.connection ?? '')

/**
 * Ignores an offer to upgrade to anything else (RFC 9110 §7.8), such as the `Upgrade: h2c` of Java's HttpClient.
 * Node hands every such request over without its body, so it is put back in front of the server without the offer.
 */
function serveWithoutUpgrade (server: Server, { method, url, httpVersion, rawHeaders }: IncomingMessage, socket: Duplex, head: Buffer): void {
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    if (!['upgrade', 'connection', 'http2-settings'].includes(name.toLowerCase())) lines.push(`${name}: ${rawHeaders[i + 1]}`)
  }
  socket.removeAllListeners('timeout') // The server adds its own once more.
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]))
  server.emit('connection', socket)
}

export default fp(websocketPlugin, { name: 'websocket', fastify: '5.x' })
