import type { Census } from '../broker/cluster.js'
import { MAX_LISTED_USERS } from '../protocol/fields.js'
import { insertNames, type ServerFrame } from '../protocol/server-frames.js'
import { textFrameOf } from '../protocol/text-frame.js'
import type { Connection } from './connection.js'

/** Sends the `stats` of a connection. */
export function sendCensus (connection: Connection, { totalConnections, usersCount, userConnections, names }: Census, now: number): void {
  const { userId, seesNames } = connection
  const frame: ServerFrame = {
    type: 'stats',
    data: {
      total_connections: totalConnections,
      user_connections: userId === null ? 1 : userConnections,
      connected_users: [],
      ...(seesNames && usersCount > MAX_LISTED_USERS && { truncated: true })
    },
    timestamp: new Date(now).toISOString()
  }
  if (seesNames) connection.send(textFrameOf(insertNames(frame, names)))
  else connection.send(frame)
}
