import type { Replay } from '../broker/broker.js'
import type { ReadPage } from '../broker/cluster.js'
import type { FanOut } from './fan-out.js'
import { statusFrame } from './status-frame.js'
import type { UserIndex } from './user-index.js'

/** See `LocalConnections.rejoinAll`. */
export function rejoinAll (users: UserIndex, fanOut: FanOut, readerOf: (userId: string | null) => ReadPage, after: number): void {
  catchUpAll(users, fanOut)
  const known = Math.max(after, fanOut.lastSeq)
  users.forEach((connection) => { connection.rejoin(readerOf(connection.userId), known) })
}

/** See `LocalConnections.welcomeAnew`. */
export function welcomeAnew (users: UserIndex, fanOut: FanOut, replayOf: (userId: string | null) => Replay, now: number): number {
  let told = 0
  catchUpAll(users, fanOut)
  fanOut.reset()
  users.forEach((connection) => {
    const replay = replayOf(connection.userId)
    connection.rejoin(replay.read, undefined)
    if (!connection.welcomed) return
    connection.send(statusFrame(connection, replay, 'gap', users.size, now))
    told++
  })
  return told
}

/** What was handed over is not missed, even where it is not written yet. */
function catchUpAll (users: UserIndex, fanOut: FanOut): void {
  users.forEach((connection) => { fanOut.catchUp(connection) })
}
