import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { ConnectionManager, type ConnectionManagerOptions } from '../src/connections/connection-manager.js'
import { errors } from '../src/errors.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** Who is connected. */
    connections: ConnectionManager
  }
}

export interface ConnectionsOptions extends Omit<ConnectionManagerOptions, 'idPrefix' | 'onEnd' | 'onGap' | 'onFailed'> {
  /** The time over which a stop closes the connections. */
  drainMs: number
}

const DRAIN_STEP_MS = 10
/** Of the time after which Fastify ends a hook, and with it all that is to come behind it in a stop. */
const SHARE_OF_HOOK = 0.9
const EXPIRE_STEP_MS = 50

/** What the log says why a connection ended: a client may write anything. */
const ownReasons = new Set<string>(Object.values(errors).map(({ text }) => text))

const connectionsPlugin: FastifyPluginAsync<ConnectionsOptions> = async (fastify, { drainMs, ...options }) => {
  const connections = new ConnectionManager({
    ...options,
    idPrefix: randomBytes(4).toString('hex'),
    onFailed ({ id, userId }, error) {
      fastify.log.error({ err: error, connection_id: id, user_id: userId }, 'failed')
    },
    onGap () { fastify.heraldMetrics.resumed('gap') },
    onEnd ({ id, userId, openedAt, framesIn, framesOut }, end) {
      const { code, reason } = end
      fastify.heraldMetrics.ended(end)
      fastify.log.info({
        connection_id: id,
        user_id: userId,
        code,
        ...(ownReasons.has(reason) && { reason }),
        duration_ms: Math.round(performance.now() - openedAt),
        frames_in: framesIn,
        frames_out: framesOut
      }, 'disconnected')
    }
  })
  fastify.decorate('connections', connections)

  let sweeping: NodeJS.Timeout
  const sweep = () => {
    const now = Date.now()
    connections.sweep(now)
    const waitMs = connections.expire(now) ? EXPIRE_STEP_MS : 1000 - now % 1000
    sweeping = setTimeout(sweep, Math.min(waitMs, options.heartbeatIntervalMs / 10))
    sweeping.unref()
  }
  sweep()
  // The server listens until this is over, so that health is told and requests are answered meanwhile.
  fastify.addHook('preClose', async () => {
    const { pluginTimeout = 0 } = fastify.initialConfig
    const most = pluginTimeout === 0 ? Infinity : pluginTimeout * SHARE_OF_HOOK
    if (drainMs > most) fastify.log.warn(`Fastify ends a stop after its pluginTimeout of ${pluginTimeout} ms: clients are sent away within ${most} ms, and not in ${drainMs}`)
    const drain = connections.stop(Math.min(drainMs, most), performance.now())
    while (!drain.step(performance.now())) await sleep(DRAIN_STEP_MS)
    clearTimeout(sweeping)
  })
}

export default fp(connectionsPlugin, { name: 'connections', fastify: '5.x', dependencies: ['metrics'] })
