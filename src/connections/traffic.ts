import type { ClosingConnections } from './closing-connections.js'
import type { Connection } from './connection.js'
import type { UserIndex } from './user-index.js'

/** What has gone over sockets: data frames, and bytes with all that the protocol adds, the handshakes included. */
export class Traffic {
  framesIn = 0
  framesOut = 0
  bytesIn = 0
  bytesOut = 0

  /** Adds what has gone over one socket so far. */
  add ({ framesIn, framesOut, receivedBytes, sentBytes }: Connection): void {
    this.framesIn += framesIn
    this.framesOut += framesOut
    this.bytesIn += receivedBytes
    this.bytesOut += sentBytes
  }
}

/** What is here, and what there was since the start. */
export interface Tally extends Pick<Traffic, 'framesIn' | 'framesOut' | 'bytesIn' | 'bytesOut'> {
  connections: number
  anonymous: number
  users: number
  /** Bytes that wait for readers that are slow. */
  waitingBytes: number
  /** Notifications that were read from the journal for connections. */
  replayed: number
}

/** `closed`: what has gone over the sockets that are in neither of the collections any more. */
export function tallyOf (users: UserIndex, closing: ClosingConnections, closed: Traffic): Omit<Tally, 'replayed'> {
  const traffic = Object.assign(new Traffic(), closed)
  let waitingBytes = 0
  const visit = (connection: Connection) => {
    traffic.add(connection)
    waitingBytes += connection.waitingBytes
  }
  users.forEach(visit)
  closing.forEach(visit)
  return Object.assign(traffic, { connections: users.size, anonymous: users.anonymousCount, users: users.userCount, waitingBytes })
}
