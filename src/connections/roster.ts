import type { Connection } from './connection.js'
import type { TcpHandle } from './tcp-handle.js'

const FIRST_ROWS = 64

/**
 * What a broadcast reads and changes of every open connection, in columns: it goes straight through their memory, and looks at those connections
 * only that something stands in the way of. Each has a row, which another one gets when it has ended.
 */
export class Roster {
  readonly connections: Array<Connection | undefined> = []
  /** See `Transport.handle`: where each is written to, once that is known. */
  readonly handles: Array<TcpHandle | undefined> = []
  /** 1: nothing stands between this connection and what comes next; 0: something may, and it has to be asked. */
  ready = new Uint8Array(FIRST_ROWS)
  /** 1: its user has had no other since it was opened. */
  alone = new Uint8Array(FIRST_ROWS)
  /** `seq` of the newest notification that it is past. */
  positions = new Float64Array(FIRST_ROWS)
  /** Frames that it was sent. */
  frames = new Float64Array(FIRST_ROWS)
  readonly #free: number[] = []

  /** Rows, with those that nobody has. */
  get length (): number { return this.connections.length }

  /** Returns the row. */
  add (connection: Connection, position: number): number {
    const row = this.#free.pop() ?? this.length
    if (row === this.ready.length) this.#grow()
    this.connections[row] = connection
    this.handles[row] = undefined
    this.alone[row] = connection.userId === null ? 0 : 1
    this.positions[row] = position
    this.frames[row] = 0
    return row
  }

  delete (row: number): void {
    this.connections[row] = undefined
    this.handles[row] = undefined
    this.ready[row] = 0
    this.#free.push(row)
  }

  /** Something stands between this connection and what comes next. */
  hold (row: number): void {
    this.ready[row] = 0
  }

  countFrames (row: number, count: number): void {
    this.frames[row] = (this.frames[row] ?? 0) + count
  }

  #grow (): void {
    const rows = 2 * this.length
    const { ready, alone, positions, frames } = this
    this.ready = new Uint8Array(rows)
    this.alone = new Uint8Array(rows)
    this.positions = new Float64Array(rows)
    this.frames = new Float64Array(rows)
    this.ready.set(ready)
    this.alone.set(alone)
    this.positions.set(positions)
    this.frames.set(frames)
  }
}
