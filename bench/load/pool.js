import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { subjectOf } from '../subjects.js'
import { HttpConnection } from './http-connection.js'
import { RawSocket } from './raw-socket.js'

const ignore = () => {}

/** What a server says first is as long as a notification: it has come when nothing more does for so long. */
const GREETING_MS = 300

/** All sockets of this process to one server, each of a user of its own, and its connections for POSTs. */
export class Pool {
  subject
  port
  #postPort
  /** Process id of the server. */
  pid
  sockets = []
  bytes = 0
  lost = 0
  /** Called for each text frame with the socket and the length of the text. */
  onText = ignore
  onPong = ignore
  #http = []

  constructor ({ subject, port, postPort, pid }) {
    this.subject = subjectOf(subject)
    this.port = port
    this.#postPort = postPort
    this.pid = pid
  }

  /**
   * Opens sockets for the users from number `first` on, some at a time; resolves with the milliseconds it took.
   * `query` is put behind each address.
   */
  async open ({ count, first = this.sockets.length, atOnce = 64, query = '' }) {
    const requests = Array.from({ length: count }, (_, i) => this.upgrade(`u${first + i}`, query))
    const started = performance.now()
    const worker = async () => {
      for (let request = requests.pop(); request !== undefined; request = requests.pop()) {
        const socket = new RawSocket(this, this.sockets.length)
        this.sockets.push(socket)
        await socket.open(this.port, request)
      }
    }
    requests.reverse() // The first user is the last to be popped from it.
    await Promise.all(Array.from({ length: atOnce }, worker))
    const took = performance.now() - started
    for (let last = -1; last !== this.bytes; await sleep(GREETING_MS)) last = this.bytes
    return took
  }

  close () {
    for (const socket of this.sockets.splice(0)) socket.destroy()
  }

  onLost () {
    this.lost++
  }

  /** New connections for requests, until the next are asked for: servers close those that idle for some seconds. */
  async http (count) {
    for (const connection of this.#http) connection.close()
    this.#http = await Promise.all(Array.from({ length: count }, () => HttpConnection.open(this.#postPort)))
    return this.#http
  }

  /** The request for the socket of a user; `query` is put behind its address. */
  upgrade (user, query) {
    return [
      `GET ${this.subject.socketPath(user)}${query} HTTP/1.1`,
      `Host: 127.0.0.1:${this.port}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      '\r\n'
    ].join('\r\n')
  }
}
