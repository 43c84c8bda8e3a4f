import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { Transport } from './transport.js'

/** A `ws` socket, and the TCP or TLS socket under it, as a transport. */
export function wsTransport (webSocket: WebSocket, socket: Socket): Transport {
  return {
    send (text) { webSocket.send(text) },
    ping () { webSocket.ping() },
    close (code, reason) { webSocket.close(code, reason) },
    terminate () { webSocket.terminate() },
    pause () { webSocket.pause() },
    resume () { webSocket.resume() },
    get bufferedBytes () { return webSocket.bufferedAmount },
    get receivedBytes () { return socket.bytesRead }
  }
}
