import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { CloseCode } from '../errors.js'
import type { Connection } from './connection.js'
import { receive, receivePing, receivePong, type Receiver } from './receive.js'
import { takePongs } from './take-pongs.js'

export interface Listener extends Receiver {
  maxMessageBytes: number
  /** The peer broke the protocol, and `ws` closes. */
  onFault: (connection: Connection, error: Error) => void
  /** Something failed that is no fault of the peer's. */
  onFailed: (connection: Connection, error: unknown) => void
}

/** A close frame without a code (RFC 6455 §7.4.1). */
const NO_STATUS = 1005

/** What `ws` closes for by itself, without a text, and the table has a code for. */
const faults: Record<number, CloseCode> = { 1002: 'protocol_error', 1007: 'invalid_utf8', 1008: 'too_many_pieces', 1009: 'too_large' }

/** Has a connection hear what comes in on its `ws` socket, and on the TCP socket under it. Holds nothing of the request, which would live as long as the socket. */
export function listen (connection: Connection, webSocket: WebSocket, tcpSocket: Duplex, listener: Listener): void {
  webSocket.removeAllListeners()
  // `ws` closes by itself when the peer does, or breaks the protocol: what was queued goes first, and nothing may follow.
  const { close: shakeHands } = webSocket
  const close: WebSocket['close'] = (...args) => {
    const [code = NO_STATUS, reason] = args
    const fault = reason === undefined ? faults[code] : undefined // When the peer closes, there is one.
    connection.flush()
    connection.closed(code, reason?.toString() ?? '', fault)
    shakeHands.apply(webSocket, args)
  }
  webSocket.close = close
  webSocket.on('error', (error) => { listener.onFault(connection, error) })
  webSocket.on('close', (code, reason) => { listener.connections.closed(connection, code, reason.toString()) })
  // A server that the application had before would answer pings past the queue and its bound, and cut off who sends many at once without a word.
  webSocket.pong = answerNothing
  webSocket.on('ping', (payload) => { receivePing(connection, payload, Date.now()) })
  const answered = () => { receivePong(connection, Date.now()) }
  webSocket.on('pong', answered)
  takePongs(tcpSocket, answered)
  webSocket.on('message', (data: Buffer, isBinary) => {
    try {
      if (data.length > listener.maxMessageBytes) connection.close('too_large')
      receive(listener, connection, data, isBinary, Date.now())?.catch((error: unknown) => { listener.onFailed(connection, error) })
    } catch (error) {
      listener.onFailed(connection, error)
    }
  })
}

const answerNothing = ((_payload: unknown, _mask?: boolean, done?: () => void) => { done?.() }) as WebSocket['pong']
