import type { IncomingMessage, Server } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Server as TlsServer } from 'node:tls'
import type { AnsweredSocket } from './answered-socket.js'

/** How long a connection may take to be opened, and one that has ended to be closed. */
export const HANDSHAKE_TIMEOUT_MS = 5000

/** How long nothing may move on a connection whose upgrade waits for the answers before it. */
const ANSWER_TIMEOUT_MS = 10_000

/** Upgrades that somebody serves: two scopes of an application can have a listener each. */
const taken = new WeakSet<IncomingMessage>()

/** Has the upgrades of a server to WebSocket served, each behind the answers to what was asked before it. Returns the sockets that wait for these. */
export function takeUpgrades (server: Server, serve: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): Set<Duplex> {
  const waiting = new Set<Duplex>()
  server.on('upgrade', (request: IncomingMessage, socket: AnsweredSocket, head: Buffer) => {
    if (taken.has(request)) return
    taken.add(request)
    if (socket._httpMessage?.req === request) {
      endAnswered(socket)
      return
    }
    afterAnswers(socket, waiting, () => {
      if (!isUpgrade(request)) {
        serveWithoutUpgrade(server, request, socket, head)
        return
      }
      if (socket instanceof Socket) socket.setTimeout(HANDSHAKE_TIMEOUT_MS, destroy)
      serve(request, socket, head)
      endAnswered(socket)
    })
  })
  return waiting
}

/** Adds what is missing to a listener that a server has already. */
export function completeUpgrades (server: Server): void {
  server.prependListener('upgrade', beforeUpgrade)
  server.on('upgrade', completeUpgrade)
}

/** How many hear of the errors of a socket before anybody has its upgrade: TLS does. */
const listening = new WeakMap<IncomingMessage, number>()

function beforeUpgrade (request: IncomingMessage, socket: Socket): void {
  giveSocket(request, socket)
  listening.set(request, socket.listenerCount('error'))
}

/** The other listener fails behind an answer that is not sent yet, and is taken off in a stop. */
function completeUpgrade (this: Server, request: IncomingMessage, socket: AnsweredSocket, head: Buffer): void {
  const { _httpMessage: answer } = socket
  if (answer?.req === request) {
    endAnswered(socket)
    return
  }
  if (taken.has(request)) return
  if (answer != null) {
    taken.add(request)
    afterAnswers(socket, new Set(), () => {
      taken.delete(request)
      this.emit('upgrade', request, socket, head)
    })
    return
  }
  process.nextTick(() => {
    // Whoever serves it listens for its errors.
    if (taken.has(request) || !(socket instanceof Socket) || socket.destroyed || socket.listenerCount('error') > (listening.get(request) ?? 0)) return
    taken.add(request)
    serveWithoutUpgrade(this, request, socket, head)
  })
}

/** A request of `injectWS`, for tests, has no socket. */
export function giveSocket (request: Partial<IncomingMessage>, socket: Socket): void {
  request.socket ??= socket
}

export const isUpgrade = ({ method, headers }: { method?: string | undefined, headers: IncomingMessage['headers'] }): boolean =>
  method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket' && /(^|,)\s*upgrade\s*(,|$)/i.test(headers.connection ?? '')

/** Waits for the answers to what was asked before on the same connection (RFC 9112 §9.3.2), which Node does not; it has taken its listeners off the socket. */
function afterAnswers (socket: AnsweredSocket, waiting: Set<Duplex>, goOn: () => void): void {
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
    afterAnswers(socket, waiting, goOn)
    socket.off('error', cutOff).off('timeout', cutOff)
  })
}

/** Stays on the socket for as long as that lives, and so holds nothing of the request. */
function destroy (this: Socket): void {
  this.destroy()
}

/** Ends the socket of an upgrade that is answered instead, behind the answer. The library does so only for a request that it has seen, which it has not where an earlier hook refuses it or it is for no route. */
function endAnswered (socket: AnsweredSocket): void {
  const { _httpMessage: answer } = socket
  if (socket instanceof Socket) answer?.once('finish', () => { socket.destroySoon() })
}

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
  server.emit(server instanceof TlsServer ? 'secureConnection' : 'connection', socket)
}
