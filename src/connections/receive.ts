import { AppError } from '../errors.js'
import { type ClientFrame, type ClientFrameType, decode } from '../protocol/client-frames.js'
import type { Connection } from './connection.js'
import type { ConnectionManager } from './connection-manager.js'

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
  if (connection.ended) return
  if (isBinary) {
    connection.close('binary_frame')
    return
  }

  const inbound = connection.hear(now)
  try {
    const pace = inbound.take(now)
    if (pace === 'far_over') connection.close('rate_limited')
    if (pace !== 'within') throw new AppError('rate_limited')
    const frame = decode(data.toString())
    handle(frame.type, { connection, connections, now }, frame)
    inbound.accepted()
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    refuse(connection, error, now)
    if (error.code !== 'rate_limited' && inbound.refused()) connection.close('too_many_errors')
  }
}

function refuse (connection: Connection, { code, message, field }: AppError, now: number): void {
  if (connection.ended) return
  connection.send({ type: 'error', data: { code, message, ...(field !== undefined && { field }) }, timestamp: new Date(now).toISOString() })
}

function handle<T extends ClientFrameType> (type: T, context: Context, frame: ClientFrame<T>): void {
  const handler: Handlers[T] = handlers[type]
  handler(context, frame)
}
