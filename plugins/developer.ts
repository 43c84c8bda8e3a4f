import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

export interface DeveloperOptions {
  testPage: boolean
}

/** On a developer's machine (no key), the log says how to try the service: with a token, which lives as long as this run. */
const developerPlugin: FastifyPluginAsync<DeveloperOptions> = async (fastify, { testPage }) => {
  const { developerToken } = fastify.heraldAccess
  if (developerToken === undefined) return

  fastify.addHook('onListen', async () => {
    const [address] = fastify.addresses()
    if (typeof address !== 'object') return

    const host = address.family === 'IPv6' ? `[${address.address}]` : address.address
    const base = `http://${host}:${address.port}${fastify.prefix}`
    if (testPage) fastify.log.info(`test page: ${base}/test#token=${developerToken}`)
    fastify.log.info('send a notification: ' +
      `curl -X POST ${base}/notify/my_user_id -H 'Authorization: Bearer ${developerToken}' -H 'Content-Type: application/json' ` +
      '-d \'{"notification_type":"info","message":{"title":"Hello","content":"from curl"}}\'')
  })
}

export default fp(developerPlugin, { name: 'developer', fastify: '5.x', dependencies: ['access'] })
