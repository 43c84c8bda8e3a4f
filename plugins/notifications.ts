import { randomBytes } from 'node:crypto'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { Broker, Deliver } from '../src/broker/broker.js'
import type { JournalOptions } from '../src/broker/journal.js'
import { openBroker } from '../src/broker/open.js'
import { Notifications } from '../src/notifications/notifications.js'
import type { Tracer } from '../src/tracing.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** Sends notifications. */
    notifications: Notifications
    heraldBroker: Broker
  }
}

export interface NotificationsOptions extends JournalOptions {
  brokerUrl: string
  tracer?: Tracer | undefined
}

/** Every time wakes a process that idles; with Redis, its heartbeat and time-outs are looked at, too. */
const MAINTAIN_MS = { alone: 1000, withRedis: 500 }

const notificationsPlugin: FastifyPluginAsync<NotificationsOptions> = async (fastify, { brokerUrl, tracer, ...options }) => {
  const { heraldMetrics: metrics } = fastify
  const deliver: Deliver = (notification) => fastify.connections.deliver(notification)
  const broker = await openBroker({
    ...options,
    url: brokerUrl,
    newEpoch: `${Date.now().toString(36)}${randomBytes(2).toString('hex')}`,
    now: Date.now,
    deliver: (notification) => metrics.delivered(notification, tracer === undefined ? deliver(notification) : tracer.deliver(notification, deliver)),
    onCommit: (write) => { metrics.committing(write) },
    onWarning: (text) => { fastify.log.warn(text) },
    onLost (told) {
      metrics.resumed('gap', told)
      fastify.log.warn({ told }, 'the journal was lost, and everybody is told of a gap')
    },
    onTrouble (error) {
      if (error === undefined) fastify.log.info('notifications are kept again')
      else fastify.log.error({ err: error }, 'notifications cannot be kept, and are refused')
    }
  })
  if (broker.cluster !== undefined) fastify.connections.joinCluster(broker.cluster)
  fastify.decorate('heraldBroker', broker)
  fastify.decorate('notifications', new Notifications({ publish: (draft) => metrics.published(draft, broker.publish(draft)) }, Date.now, tracer))

  const maintenance = setInterval(() => { broker.maintain() }, broker.cluster === undefined ? MAINTAIN_MS.alone : MAINTAIN_MS.withRedis)
  maintenance.unref()
  fastify.addHook('onClose', async () => {
    clearInterval(maintenance)
    await broker.close()
  })
}

export default fp(notificationsPlugin, { name: 'notifications', fastify: '5.x', dependencies: ['connections', 'metrics'] })
