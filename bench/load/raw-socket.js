import { connect } from 'node:net'
import { pong, text } from './client-frame.js'
import { FrameReader } from './frame-reader.js'

/** All sockets read into the same memory: what is read is looked at once and not kept. */
const shared = Buffer.allocUnsafe(256 * 1024)

const END_OF_HEAD = '\r\n\r\n'
const [OPEN, MESSAGE, PING] = Buffer.from('042')
const ENGINE_CONNECT = text('40')
const ENGINE_PONG = text('3')

/** One WebSocket as cheap as it can be: far cheaper than a library, so that the load does not hold the server back. */
export class RawSocket {
  /** Its place among the sockets of its pool. */
  index
  /** The server has ended it. */
  ended = false
  #pool
  #socket
  #reader
  #engineIo
  #head = ''
  #ready = false
  #onReady
  #onFailed

  constructor (pool, index) {
    this.#pool = pool
    this.index = index
    this.#engineIo = pool.subject.engineIo === true
    this.#reader = new FrameReader(this, this.#engineIo)
  }

  /** Resolves when the server has accepted the socket. */
  open (port, request) {
    return new Promise((resolve, reject) => {
      this.#onReady = resolve
      this.#onFailed = reject
      this.#socket = connect({
        port,
        host: '127.0.0.1',
        noDelay: true,
        onread: { buffer: shared, callback: (size, bytes) => this.#read(size, bytes) }
      })
      this.#socket.on('error', (error) => { this.#lost(error) })
      this.#socket.on('close', () => { this.#lost(new Error('the server closed the connection')) })
      this.#socket.write(request)
    })
  }

  write (frame) { this.#socket.write(frame) }
  stopReading () { this.#socket.pause() }
  readOn () { this.#socket.resume() }

  /** Ends it with a reset, so that no port is left waiting (TIME_WAIT). */
  destroy () {
    this.ended = true
    this.#socket.resetAndDestroy()
  }

  onText (length, first, second) {
    if (this.#engineIo && this.#answerEngine(first, second)) return
    this.#pool.onText(this, length)
  }

  onPing (payload) {
    this.#socket.write(pong(payload))
  }

  onPong () {
    this.#pool.onPong(this)
  }

  onClose () {
    this.#lost(new Error('the server sent a close frame'))
  }

  #read (size, bytes) {
    this.#pool.bytes += size
    if (this.#head === undefined) this.#reader.read(bytes, 0, size)
    else this.#readHead(size, bytes)
    return true
  }

  #readHead (size, bytes) {
    const before = this.#head.length
    this.#head += bytes.latin1Slice(0, size)
    const end = this.#head.indexOf(END_OF_HEAD)
    if (end === -1) return
    if (!this.#head.startsWith('HTTP/1.1 101')) {
      this.#lost(new Error(`the upgrade was answered: ${this.#head}`))
      return
    }
    this.#head = undefined
    if (!this.#engineIo) this.#accepted()
    this.#reader.read(bytes, end + END_OF_HEAD.length - before, size)
  }

  /** The handshake and pings of Engine.IO, and the connect of Socket.IO; whether it was one of them. */
  #answerEngine (first, second) {
    if (first === OPEN) this.#socket.write(ENGINE_CONNECT)
    else if (first === PING) this.#socket.write(ENGINE_PONG)
    else if (first === MESSAGE && second === OPEN) this.#accepted()
    else return false
    return true
  }

  #accepted () {
    this.#ready = true
    this.#onReady()
  }

  #lost (error) {
    if (this.ended) return
    this.ended = true
    if (this.#ready) this.#pool.onLost(this)
    else this.#onFailed(error)
    this.#socket.destroy()
  }
}
