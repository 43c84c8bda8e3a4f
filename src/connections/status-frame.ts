import type { Replay } from '../broker/broker.js'
import type { Resume, ServerFrame } from '../protocol/server-frames.js'
import type { Connection } from './connection.js'

/** The first frame of a connection, which is repeated where another journal begins, or something is lost in the midst of a replay; `totalConnections`: the open sockets of this node. */
export const statusFrame = ({ id, userId }: Connection, replay: Replay, resume: Resume, totalConnections: number, now: number): ServerFrame => ({
  type: 'connection_status',
  data: {
    status: 'connected',
    user_id: userId,
    timestamp: new Date(now).toISOString(),
    total_connections: totalConnections + replay.connectionsElsewhere,
    connection_id: id,
    last_event_id: `${replay.epoch}-${replay.seq}`,
    resume,
    replayed: replay.count
  }
})
