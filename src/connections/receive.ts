import { AppError } from '../errors.js'
import { type ClientFrame, type ClientFrameType, decode } from '../protocol/client-frames.js'
import { pongFrame } from '../protocol/text-frame.js'
import type { Connection } from './connection.js'
import type { ConnectionManager } from './connection-manager.js'
import type { Inbound } from './inbound.js'

interface Context {
  connection: Connection
  connections: ConnectionManager
  now: number
}

type Handlers = { [T in ClientFrameType]: (context: Context, frame: ClientFrame<T>) => void }

const handlers = {
  ping ({ connection, now }, { id }) {
    connection.send({ type: 'pong', timestamp: new Date(now).toISOString(), ...(id !== undefined && { id }) })
  },

  get_stats ({ connection, connections, now }) {
    connections.sendStats(connection, now)
  },

  disconnect ({ connection }) {
    connection.close('disconnect')
  }
} satisfies Handlers

/** Answers one message of a connection. A client's fault becomes an `error` frame; anything else is thrown. */
export function receive (connections: ConnectionManager, connection: Connection, data: Buffer, isBinary: boolean, now: number): void {
  if (isBinary) connection.close('binary_frame')
  const inbound = connection.hear(now)
  if (!keepsPace(connection, inbound, now)) return
  try {
    const frame = decode(data.toString())
    handle(frame.type, { connection, connections, now }, frame)
    inbound.accepted()
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    refuse(connection, error, now)
    if (inbound.refused()) connection.close('too_many_errors')
  }
}

/** Answers a ping of the protocol (RFC 6455 §5.5.2). It counts as a frame, and its pong waits and is bounded as one. */
export function receivePing (connection: Connection, payload: Buffer, now: number): void {
  if (keepsPace(connection, connection.hear(now), now)) connection.send([pongFrame(payload)])
}

/** Takes a pong. The first since it was last looked whether the peer is there answers a heartbeat; more count as frames. */
export function receivePong (connection: Connection, now: number): void {
  if (connection.heard) keepsPace(connection, connection.hear(now), now)
  else connection.heard = true
}

/**
 * Whether a frame is within the rate. One that is not is refused, who goes on nevertheless is closed,
 * and who goes on after that does not read: he is cut off.
 */
function keepsPace (connection: Connection, inbound: Inbound, now: number): boolean {
  if (connection.ended) {
    if (inbound.late()) connection.abort('rate_limited')
    return false
  }
  const pace = inbound.take(now)
  if (pace === 'over') refuse(connection, new AppError('rate_limited'), now)
  else if (pace === 'far_over') connection.close('rate_limited')
  return pace === 'within'
}

function refuse (connection: Connection, { code, message, field }: AppError, now: number): void {
  if (connection.ended) return
  connection.send({ type: 'error', data: { code, message, ...(field !== undefined && { field }) }, timestamp: new Date(now).toISOString() })
}

function handle<T extends ClientFrameType> (type: T, context: Context, frame: ClientFrame<T>): void {
  const handler: Handlers[T] = handlers[type]
  handler(context, frame)
}
