import type { Server } from 'node:http'
import { type FastifyInstance, type FastifyPluginAsync, type FastifyHttpOptions, fastify as createFastify, LogController } from 'fastify'
import fp from 'fastify-plugin'
import access from '../plugins/access.js'
import connections from '../plugins/connections.js'
import descriptions from '../plugins/descriptions.js'
import developer from '../plugins/developer.js'
import headers from '../plugins/headers.js'
import keySet from '../plugins/key-set.js'
import metrics from '../plugins/metrics.js'
import notifications from '../plugins/notifications.js'
import openapi from '../plugins/openapi.js'
import origins from '../plugins/origins.js'
import pageHeaders from '../plugins/page-headers.js'
import pipelining from '../plugins/pipelining.js'
import problems, { answerClientError, sendProblem, sendRouterProblem } from '../plugins/problems.js'
import requestMetrics from '../plugins/request-metrics.js'
import type { Tracing } from '../plugins/tracing.js'
import unusedConnections from '../plugins/unused-connections.js'
import validation from '../plugins/validation.js'
import websocket from '../plugins/websocket.js'
import connectionsRoutes from '../routes/connections.js'
import descriptionsRoutes from '../routes/descriptions.js'
import healthRoutes from '../routes/health.js'
import metricsRoutes from '../routes/metrics.js'
import notificationsRoutes from '../routes/notifications.js'
import statsRoutes from '../routes/stats.js'
import testPageRoutes from '../routes/test-page.js'
import unknownRoutes from '../routes/unknown.js'
import websocketRoutes from '../routes/websocket.js'
import { BrokerError } from './broker/broker.js'
import { type Config, ConfigError, readConfig } from './config.js'
import { AppError, notFound } from './errors.js'
import { REQUEST_ID, serializers } from './log.js'
import { requestIds } from './request-id.js'
import { type Settings, SettingsSchema } from './settings.js'
import type { Tracer } from './tracing.js'

// What the plugins add to the types of Fastify comes along with this module.
export type {} from '../plugins/connections.js'
export type {} from '../plugins/metrics.js'
export type {} from '../plugins/notifications.js'
export type {} from '@fastify/websocket'
export { AppError, BrokerError, ConfigError }
export type { ConnectionManager } from './connections/connection-manager.js'
export type { BroadcastInput, NotificationInput, Notifications, SendOptions, Sent } from './notifications/notifications.js'
export type { BroadcastOutcome, NotifyOutcome } from './protocol/rest.js'

/** The settings, by the names they have in the environment; all have a default. `HOST`, `PORT` and `LOG_LEVEL` are the application's own affair. */
export type HeraldOptions = { [Name in keyof Settings]?: Settings[Name] | undefined } & {
  /** Stands before the addresses of the service. */
  prefix?: string
}

/** Addresses begin with this, below the prefix of the application that the plugin is part of. */
const PREFIX = '/api/v1/ws'

/** How long the keys of a key set are used without having been fetched anew. */
const KEEP_KEYS_MS = 300_000

/** The part of the time for a stop over which clients are sent away; the rest is for the last handshakes, which get a twentieth of that, for requests, and for the way out. */
const CLIENT_SHARE = 0.9

/** The part of it in which those that came in last may send their request, but no more ms than these. */
const LAST_REQUEST_SHARE = 0.02
const LAST_REQUEST_MS = 100

/**
 * Adds the service to a Fastify application: its addresses, and the decorators `notifications` and `connections`.
 * Registration fails with a `ConfigError` when the options cannot be used, and with a `BrokerError` when the journal cannot.
 */
const herald: FastifyPluginAsync<HeraldOptions> = async (fastify, { prefix, ...options }) => {
  const unknown = Object.keys(options).filter((name) => !(name in SettingsSchema.properties))
  if (unknown.length > 0) throw new ConfigError(unknown.map((name) => `${name} is not the name of a setting`))
  await fastify.register(metrics)
  await compose(fastify, readConfig({ ...options, HOST: undefined }), { prefix })
}

/** `alone`: there is no other application around it. */
async function compose (fastify: FastifyInstance, config: Config, { prefix = '', alone = false, tracer }: { prefix?: string | undefined, alone?: boolean, tracer?: Tracer | undefined }): Promise<void> {
  await fastify.register(connections, {
    drainMs: config.DRAIN_SECONDS * 1000 * CLIENT_SHARE,
    maxConnections: config.MAX_CONNECTIONS,
    maxConnectionsPerUser: config.MAX_CONNECTIONS_PER_USER,
    maxBufferedBytes: config.MAX_BUFFERED_BYTES,
    maxErrors: config.MAX_ERRORS,
    messageRate: config.MESSAGE_RATE,
    heartbeatIntervalMs: config.HEARTBEAT_INTERVAL_MS,
    heartbeatTimeoutMs: config.HEARTBEAT_TIMEOUT_MS,
    tokenGraceMs: config.TOKEN_GRACE_SECONDS * 1000
  })
  await fastify.register(notifications, {
    brokerUrl: config.BROKER_URL,
    tracer,
    retentionMs: config.RETENTION_SECONDS * 1000,
    retentionPerUser: config.RETENTION_PER_USER,
    retentionBroadcast: config.RETENTION_BROADCAST,
    idempotencyMs: config.IDEMPOTENCY_SECONDS * 1000
  })
  await fastify.register(keySet, { url: config.JWT_JWKS_URL, keepMs: KEEP_KEYS_MS })
  await fastify.register(websocket, { maxMessageBytes: config.MAX_MESSAGE_BYTES })
  await fastify.register(async (service: FastifyInstance) => {
    if (!alone) {
      service.addHook('onRoute', (route) => { route.logSerializers = serializers })
      await service.register(answers, { embedded: true })
    }
    await service.register(access, {
      secret: config.JWT_SECRET,
      publicKey: config.JWT_PUBLIC_KEY,
      issuer: config.JWT_ISSUER,
      audience: config.JWT_AUDIENCE,
      tokenRequired: config.WS_AUTH === 'required',
      allowAnonymous: config.ALLOW_ANONYMOUS
    })
    await service.register(async (api: FastifyInstance) => { await registerApi(api, config) }, { prefix: `${prefix.replace(/\/+$/, '')}${PREFIX}` })
    if (alone) await service.register(metricsRoutes, { open: !config.keyed })
  })
}

/** What all that the service answers has in common. */
const answers = fp(async (fastify: FastifyInstance, { embedded }: { embedded: boolean }) => {
  await fastify.register(problems, { embedded })
  await fastify.register(pipelining)
  await fastify.register(headers, { requestId: !embedded })
  await fastify.register(descriptions)
})

async function registerApi (api: FastifyInstance, config: Config): Promise<void> {
  await api.register(requestMetrics)
  await api.register(validation)
  await api.register(origins, { allowedOrigins: config.allowedOrigins, allowLoopback: !config.keyed })
  await api.register(developer, { testPage: config.TEST_PAGE })

  await api.register(websocketRoutes, { maxMessageBytes: config.MAX_MESSAGE_BYTES, connectRate: config.CONNECT_RATE })
  await api.register(notificationsRoutes, { maxBodyBytes: config.MAX_BODY_BYTES })
  await api.register(statsRoutes)
  await api.register(connectionsRoutes)
  await api.register(async (pages: FastifyInstance) => {
    await pages.register(pageHeaders)
    await pages.register(testPageRoutes, { enabled: config.TEST_PAGE })
  })
  await api.register(unknownRoutes)
}

/** The service as an application of its own. */
export function createApp (config: Config, logger: FastifyHttpOptions<Server>['logger'] = false, tracing?: Tracing): FastifyInstance {
  const app: FastifyInstance = createFastify({
    logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: REQUEST_ID }),
    genReqId: requestIds(),
    trustProxy: config.trustProxy,
    return503OnClosing: false,
    pluginTimeout: PLUGIN_TIMEOUT_MS + config.DRAIN_SECONDS * 1000, // It bounds a stop as well.
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: STALLED_MS,
    http: { headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: CHECK_CONNECTIONS_MS },
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    frameworkErrors: sendRouterProblem,
    clientErrorHandler: answerClientError
  })
  app.setNotFoundHandler((request, reply) => { sendProblem(notFound(request.method, request.url), request, reply) })
  if (tracing !== undefined) app.register(tracing.plugin)
  app.register(metrics)
  app.register(openapi)
  app.register(answers, { embedded: false })
  app.register(fp(async (fastify: FastifyInstance) => {
    await compose(fastify, config, { alone: true, tracer: tracing?.tracer })
    await fastify.register(healthRoutes)
    await fastify.register(async (pages: FastifyInstance) => {
      await pages.register(pageHeaders, { inlineImages: true })
      await pages.register(descriptionsRoutes, { socketPrefix: PREFIX })
    })
    if (config.TEST_PAGE) fastify.get('/', { schema: { hide: true }, constraints: { upgrade: 'none' } }, (_request, reply) => reply.redirect(`${PREFIX}/test`))
    await fastify.register(unusedConnections, { lastRequestMs: Math.min(config.DRAIN_SECONDS * 1000 * LAST_REQUEST_SHARE, LAST_REQUEST_MS) })
  }))
  return app
}

/** How long a plugin may take to start; for a stop this comes behind what that may take. */
const PLUGIN_TIMEOUT_MS = 10_000

/** How long a request may take to arrive, and its headers, of an upgrade too; then 408. It is looked at every second, and not every 30 as Node would. */
const REQUEST_TIMEOUT_MS = 30_000
const HEADERS_TIMEOUT_MS = 10_000
const CHECK_CONNECTIONS_MS = 1000

/** How long nothing may move on the connection of a request, such as an answer that nobody reads: longer than a request may take, which is answered. */
const STALLED_MS = 35_000

/** The length of a user id is checked by its route, which names it; this is more than the headers of a request may have. */
const MAX_PARAM_LENGTH = 16_384

const heraldPlugin = fp(herald, { name: 'fastify-herald', fastify: '5.x' })
export default heraldPlugin
