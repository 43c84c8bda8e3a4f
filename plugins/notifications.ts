import { randomBytes } from 'node:crypto'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { Broker } from '../src/broker/broker.js'
import { createLocalBroker } from '../src/broker/local.js'
import { Notifications } from '../src/notifications/notifications.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** Sends notifications. */
    notifications: Notifications
    broker: Broker
  }
}

const notificationsPlugin: FastifyPluginAsync = async (fastify) => {
  const epoch = `${Date.now().toString(36)}${randomBytes(2).toString('hex')}`
  const broker = createLocalBroker(epoch, (notification) => fastify.connections.deliver(notification))
  fastify.decorate('broker', broker)
  fastify.decorate('notifications', new Notifications(broker, Date.now))
}

export default fp(notificationsPlugin, { name: 'notifications', fastify: '5.x', dependencies: ['connections'] })
