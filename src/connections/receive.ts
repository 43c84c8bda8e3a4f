import type { Identity } from '../access/identity.js'
import { AppError, errorEntry } from '../errors.js'
import { type ClientFrame, type ClientFrameType, decode } from '../protocol/client-frames.js'
import { pongFrame } from '../protocol/text-frame.js'
import type { Connection } from './connection.js'
import type { ConnectionManager } from './connection-manager.js'
import type { Inbound } from './inbound.js'

export interface Receiver {
  connections: ConnectionManager
  /** Who a connection of this user (null: anonymous) is with this token; a promise only where something has to be fetched. Throws an `AppError`. */
  identify: (userId: string | null, token: string) => Identity | Promise<Identity>
}

interface Context extends Receiver {
  connection: Connection
  inbound: Inbound
  now: number
}

type Handlers = { [T in ClientFrameType]: (context: Context, frame: ClientFrame<T>) => void | Promise<void> }

const handlers = {
  ping ({ connection, now }, { id }) {
    connection.send({ type: 'pong', timestamp: new Date(now).toISOString(), ...(id !== undefined && { id }) })
  },

  get_stats ({ connection, connections, now }) {
    return connections.sendStats(connection, now)
  },

  auth (context, { token }) {
    const { connection, identify, inbound } = context
    if (inbound.authenticating) throw new AppError('auth_pending')
    const identity = identify(connection.userId, token)
    if (!(identity instanceof Promise)) {
      renew(context, identity)
      return
    }
    inbound.authenticating = true
    return identity.then((identity) => { renew(context, identity) }).finally(() => { inbound.authenticating = false })
  },

  disconnect ({ connection }) {
    connection.close('disconnect')
  }
} satisfies Handlers

function renew ({ connection, connections }: Context, identity: Identity): void {
  connections.renew(connection, identity)
  const { expiresAt } = identity
  connection.send({ type: 'auth', data: { expires_at: expiresAt === undefined ? null : new Date(expiresAt).toISOString() } })
}

/**
 * Answers one message of a connection. A client's fault becomes an `error` frame; anything else is thrown.
 * Returns a promise where the answer takes time; what comes meanwhile is answered before it.
 */
export function receive ({ connections, identify }: Receiver, connection: Connection, data: Buffer, isBinary: boolean, now: number): Promise<void> | undefined {
  if (isBinary) connection.close('binary_frame')
  const inbound = connection.receive(now)
  if (!keepsPace(connection, inbound, now)) return
  const context = { connections, identify, connection, inbound, now }
  try {
    const frame = decode(data.toString())
    const answered = handle(frame.type, context, frame)
    if (answered instanceof Promise) return answered.then(() => { inbound.accepted() }).catch((error: unknown) => { refuse(context, error) })
    inbound.accepted()
  } catch (error) {
    refuse(context, error)
  }
}

/** Answers a ping of the protocol (RFC 6455 §5.5.2). It counts as a frame, and its pong waits and is bounded as one. */
export function receivePing (connection: Connection, payload: Buffer, now: number): void {
  if (keepsPace(connection, connection.receive(now), now)) connection.send([pongFrame(payload)])
}

/** Takes a pong. The first in a step of the heartbeats answers one; more count as frames. */
export function receivePong (connection: Connection, now: number): void {
  if (connection.hear()) keepsPace(connection, connection.receive(now), now)
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
  if (pace === 'over') sendError(connection, new AppError('rate_limited'), now)
  else if (pace === 'far_over') connection.close('rate_limited')
  return pace === 'within'
}

/** What is not the client's fault is not counted as an error of his. */
function refuse ({ connection, inbound, now }: Context, error: unknown): void {
  if (!(error instanceof AppError)) throw error
  sendError(connection, error, now)
  if ((errorEntry(error.code).status ?? 400) < 500 && inbound.refused()) connection.close('too_many_errors')
}

function sendError (connection: Connection, { code, message, field }: AppError, now: number): void {
  if (connection.ended) return
  connection.send({ type: 'error', data: { code, message, ...(field !== undefined && { field }) }, timestamp: new Date(now).toISOString() })
}

function handle<T extends ClientFrameType> (type: T, context: Context, frame: ClientFrame<T>): void | Promise<void> {
  const handler: Handlers[T] = handlers[type]
  return handler(context, frame)
}
