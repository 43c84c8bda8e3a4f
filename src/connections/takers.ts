import type { Connection } from './connection.js'
import { type TcpHandle, writeToHandle } from './tcp-handle.js'

/** Those who take the same bytes in one write, and where each is written to, so that a write need look at nothing else. */
export class Takers {
  readonly #connections: Connection[] = []
  readonly #handles: Array<TcpHandle | undefined> = []

  add (connection: Connection): void {
    this.#connections.push(connection)
    this.#handles.push(connection.handle)
  }

  write (frames: Buffer): void {
    for (let i = 0; i < this.#handles.length; i++) {
      const handle = this.#handles[i]
      if (handle === undefined) this.#connections[i]?.write(frames)
      else if (!writeToHandle(handle, frames)) this.#connections[i]?.write(frames, 'writtenInPart')
    }
  }
}
