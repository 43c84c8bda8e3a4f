/** Sends requests over connections that take turns, so that none idles until the server closes it; what finds none free waits. */
export class HttpQueue {
  /** The first that failed. */
  failure
  #free
  #waiting = []

  constructor (connections) {
    this.#free = [...connections]
  }

  send (request) {
    const connection = this.#free.shift()
    if (connection === undefined) {
      this.#waiting.push(request)
      return
    }
    connection.send(request, (error) => {
      this.failure ??= error
      this.#free.push(connection)
      if (this.#waiting.length > 0) this.send(this.#waiting.shift())
    })
  }
}
