import swagger from '@fastify/swagger'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { intro } from '../src/protocol/openapi.js'
import { version } from '../src/version.js'

/** The description of every address that is registered after it, made from the schemas that check requests. */
const openapiPlugin: FastifyPluginAsync = async (fastify) => {
  await fastify.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Herald', version, description: intro, license: { name: 'MIT', identifier: 'MIT' } as { name: string } }, // Newer than the types.
      tags: [
        { name: 'notifications', description: 'send to one user, or to all' },
        { name: 'connections', description: 'who is here' },
        { name: 'sockets', description: 'what an upgrade would be answered' },
        { name: 'health', description: 'whether it runs, and does its work' },
        { name: 'descriptions', description: 'this, and that of the frames' }
      ]
    },
    convertConstToEnum: false
  })
}

export default fp(openapiPlugin, { name: 'openapi', fastify: '5.x' })
