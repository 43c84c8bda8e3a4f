import { once } from 'node:events'
import { connect } from 'node:net'

const HEAD = /^HTTP\/1\.1 (\d{3})[^]*?\r\n\r\n/
const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)/i

/** A kept-alive connection for one request at a time: a tenth of the cost of Node's own client. */
export class HttpConnection {
  #socket
  #received = ''
  #onAnswer

  static async open (port) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    return new HttpConnection(socket)
  }

  constructor (socket) {
    this.#socket = socket
    socket.on('data', (bytes) => { this.#read(bytes.latin1Slice()) })
    socket.on('error', () => {})
    socket.on('close', () => { this.#answered(new Error('the server closed a connection for requests')) })
  }

  /** Sends the bytes of a request; `onAnswer` gets an error, or undefined and the body when the answer was 200. */
  send (request, onAnswer) {
    this.#onAnswer = onAnswer
    this.#socket.write(request)
  }

  close () {
    this.#onAnswer = undefined
    this.#socket.resetAndDestroy()
  }

  #read (text) {
    this.#received += text
    const head = HEAD.exec(this.#received)
    if (head === null) return
    const length = Number(CONTENT_LENGTH.exec(head[0])?.[1])
    if (!(this.#received.length >= head[0].length + length)) return

    const answer = this.#received
    this.#received = ''
    if (head[1] === '200') this.#answered(undefined, answer.slice(head[0].length))
    else this.#answered(new Error(`the request was answered: ${answer}`))
  }

  #answered (error, body) {
    const onAnswer = this.#onAnswer
    this.#onAnswer = undefined
    onAnswer?.(error, body)
  }
}
