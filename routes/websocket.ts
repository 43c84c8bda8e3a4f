import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { WebSocket } from '@fastify/websocket'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Identity } from '../src/access/identity.js'
import { extractToken, offeredProtocols, SUBPROTOCOL } from '../src/access/token.js'
import { ConnectRate, networkOf } from '../src/connections/connect-rate.js'
import type { Connection } from '../src/connections/connection.js'
import { listen, type Listener } from '../src/connections/listen.js'
import { TimeSlices } from '../src/connections/time-slices.js'
import { WsTransport } from '../src/connections/ws-transport.js'
import { AppError, type ErrorCode } from '../src/errors.js'
import { SocketQuerySchema, UserParamsSchema } from '../src/protocol/rest.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who opens a socket; null outside of the addresses of sockets. */
    heraldIdentity: Identity | null
    /** See `Cluster.claim`. */
    heraldClaim: string | null
  }
}

export interface WebsocketRoutesOptions {
  maxMessageBytes: number
  /** New sockets a second and address; 0: as many as come. */
  connectRate: number
}

/** What a socket can be refused with, beside a user id that is none. */
const refusals: ErrorCode[] = [
  'invalid_request', 'token_required', 'token_invalid', 'token_expired', 'wrong_user', 'anonymous_forbidden', 'origin_forbidden', 'key_required', 'upgrade_required',
  'too_many_connections', 'connecting_too_fast', 'shutting_down', 'server_full', 'not_ready', 'keys_unavailable'
]

/** The sockets. Everything that can refuse one has run before its upgrade, so a refusal is an HTTP status. */
const websocketRoutes: FastifyPluginAsyncTypebox<WebsocketRoutesOptions> = async (fastify, { maxMessageBytes, connectRate }) => {
  const { heraldAccess: access, heraldBroker: broker, connections, heraldMetrics } = fastify
  const rate = new ConnectRate(connectRate)
  const listener: Listener = {
    connections,
    identify: access.identify,
    maxMessageBytes,
    onFault ({ id }, error) { fastify.log.debug({ err: error, connection_id: id }, 'the peer broke the protocol') },
    onFailed: fail
  }
  const slices = new TimeSlices()
  fastify.decorateRequest('heraldIdentity', null)
  fastify.decorateRequest('heraldClaim', null)

  const about = { tags: ['sockets'], description: 'An upgrade opens the socket, see [asyncapi.json](/asyncapi.json). A request that is none is answered by what the upgrade would be refused with, or else by 426.' }
  const socket = { config: { otel: false, describe: { errors: refusals, query: SocketQuerySchema } }, preHandler: [checkHandshake, fastify.heraldCheckOrigin, checkRate, giveWay, authenticate, giveWay, admit], handler: sayUpgrade, wsHandler: open }
  fastify.route({
    method: 'GET',
    url: '/',
    schema: { ...about, operationId: 'anonymousSocket', summary: 'Opens a socket without a user' },
    ...socket
  })
  fastify.route({
    method: 'GET',
    url: '/:user_id',
    schema: { ...about, operationId: 'userSocket', summary: 'Opens a socket of a user', params: UserParamsSchema },
    ...socket
  })

  /** An upgrade is done in parts, and open sockets are served in between: where upgrades are rare, none of what it needs is in the CPU's caches, and all of it takes a millisecond or two. */
  function giveWay (_request: FastifyRequest, _reply: FastifyReply, done: () => void): void { slices.add(done) }

  async function checkHandshake ({ ws, headers }: FastifyRequest): Promise<void> {
    if (connections.stopping) throw new AppError('shutting_down')
    if (!ws) return
    if (String(headers['sec-websocket-version']) !== '13') throw new AppError('upgrade_required', 'Sec-WebSocket-Version must be 13')
    if (!/^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '')) throw new AppError('invalid_request', 'Sec-WebSocket-Key must be 16 bytes in base64')
  }

  /** Before the token is verified, which costs more. Who only asks whether he may is told, and not counted. */
  async function checkRate ({ ip, ws }: FastifyRequest): Promise<void> {
    if (connectRate === 0) return
    const within = broker.cluster === undefined
      ? rate.take(networkOf(ip), ws, performance.now())
      : await broker.cluster.takeConnect(networkOf(ip), ws, connectRate)
    if (!within) throw new AppError('connecting_too_fast')
  }

  async function authenticate (request: FastifyRequest): Promise<void> {
    const { user_id: userId = null } = request.params as { user_id?: string }
    request.heraldIdentity = await access.identify(userId, extractToken(request))
    if (broker.cluster !== undefined) request.heraldClaim = await broker.cluster.claim(userId, request.ws)
  }

  /** Runs right before the upgrade, without a pause between the two: what is admitted is opened. */
  function admit ({ heraldIdentity: identity, heraldClaim: claim, raw, ws }: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void {
    const userId = identity?.userId ?? null
    if (claim !== null) broker.cluster?.changed(userId, claim)
    try {
      connections.admit(userId)
    } catch (error) {
      done(error as AppError)
      return
    }
    // The only subprotocol there is: it alone is offered on, so that a `bearer.<jwt>` beside it is never chosen.
    const offered = offeredProtocols(raw.headers['sec-websocket-protocol']).includes(SUBPROTOCOL)
    if (offered) raw.headers['sec-websocket-protocol'] = SUBPROTOCOL
    else delete raw.headers['sec-websocket-protocol']
    // From here on the socket is no longer answered on: it would hold the response, and the request with it, for as long as it lives.
    if (ws) reply.raw.detachSocket(raw.socket)
    done()
  }

  async function sayUpgrade (): Promise<never> {
    throw new AppError('upgrade_required')
  }

  function open (socket: WebSocket, request: FastifyRequest): void {
    const { heraldIdentity: identity, query, raw, log, ip } = request
    if (identity === null) throw new Error('a socket was opened before its user was known')
    const connection = connections.open(identity, new WsTransport(socket, raw.socket), performance.now())
    heraldMetrics.connected(connection.userId)
    log.info({ connection_id: connection.id, user_id: connection.userId, ip }, 'connected')
    fastify.websocketServer.clients?.delete(socket) // The connection manager ends it, with a code, and not a server that the application had before.
    listen(connection, socket, raw.socket, listener)

    const { last_event_id: lastEventId } = query as { last_event_id?: unknown }
    join(connection, lastEventId === undefined ? undefined : String(lastEventId))
  }

  function join (connection: Connection, lastEventId: string | undefined): void {
    broker.replay(connection.userId, lastEventId).then((replay) => {
      slices.add(() => {
        if (connection.ended) return
        const resume = lastEventId === undefined ? 'none' : replay.gap ? 'gap' : 'caught_up'
        try {
          if (connection.welcome(replay, resume, connections.getTotalConnectionsCount(), Date.now())) heraldMetrics.resumed(resume)
          else join(connection, lastEventId)
        } catch (error) {
          fail(connection, error)
        }
      })
    }).catch((error: unknown) => { fail(connection, error) })
  }

  function fail (connection: Connection, error: unknown): void {
    fastify.log.error({ err: error, connection_id: connection.id, user_id: connection.userId }, 'failed')
    connection.close('internal_error')
  }
}

export default fp(websocketRoutes, {
  name: 'routes/websocket',
  encapsulate: true,
  dependencies: ['connections', 'notifications', 'websocket', 'validation', 'access', 'origins', 'metrics']
})
