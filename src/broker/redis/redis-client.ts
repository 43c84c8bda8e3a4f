import { Redis, type RedisOptions } from 'ioredis'
import { readRedisUrl } from './redis-url.js'

/** A fraction of the time that nodes wait for each other where a journal is new. */
const MAX_BACK_OFF_MS = 500
const CONNECT_TIMEOUT_MS = 2000

/** A connection to Redis, which begins at once and is made again whenever it ends; what it was asked meanwhile fails, and is not asked again. */
export function createClient (url: string, more: RedisOptions): Redis {
  return new Redis({
    ...readRedisUrl(url) as object, // The type of these options is none that the constructor takes.
    ...more as object,
    connectTimeout: CONNECT_TIMEOUT_MS,
    sentinelCommandTimeout: CONNECT_TIMEOUT_MS, // One that takes a connection and hangs would be waited for for ever.
    disconnectTimeout: 1, // What is broken off has not been answered for a while: nothing is to be waited for.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false, // Nothing is published twice.
    maxRetriesPerRequest: 0,
    retryStrategy: backOff,
    sentinelRetryStrategy: backOff,
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY') // It is not the master any more.
  })
}

const backOff = (attempt: number): number => Math.random() * Math.min(50 * 2 ** attempt, MAX_BACK_OFF_MS)

/** Warns where Redis may remove what is kept when it is full. It may not be allowed to look; then nothing is said. */
export function lookForEviction (redis: Redis, warn: (text: string) => void): void {
  redis.info('memory').then((memory) => {
    const [, policy = 'noeviction'] = /maxmemory_policy:(\S+)/.exec(memory) ?? []
    if (policy !== 'noeviction' && !/maxmemory:0\s/.test(memory)) warn(`Redis may remove what is kept when it is full: set its maxmemory-policy to noeviction; it is ${policy}`)
  }).catch(() => {})
}
