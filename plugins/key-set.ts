import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { KeySet } from '../src/access/key-set.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** Undefined: tokens are verified with a key that is configured. */
    heraldKeySet: KeySet | undefined
  }
}

export interface KeySetPluginOptions {
  /** Undefined: there is none. */
  url: string | undefined
  /** How long the keys are used while the set cannot be fetched. */
  keepMs: number
}

const MAINTAIN_MS = 500

/** The keys of an identity provider. A start does not wait for long, and does not fail, when they cannot be fetched. */
const keySetPlugin: FastifyPluginAsync<KeySetPluginOptions> = async (fastify, { url, keepMs }) => {
  if (url === undefined) {
    fastify.decorate('heraldKeySet', undefined)
    return
  }
  const keySet = new KeySet({
    url,
    keepMs,
    onTrouble (error) {
      if (error === undefined) fastify.log.info('the keys of tokens are fetched again')
      else fastify.log.error({ err: error }, 'the keys of tokens cannot be fetched')
    }
  })
  fastify.decorate('heraldKeySet', keySet)
  await keySet.refresh(Date.now())

  const maintenance = setInterval(() => { keySet.maintain(Date.now()) }, MAINTAIN_MS)
  maintenance.unref()
  fastify.addHook('preClose', async () => {
    clearInterval(maintenance)
    keySet.close()
  })
}

export default fp(keySetPlugin, { name: 'key-set', fastify: '5.x' })
