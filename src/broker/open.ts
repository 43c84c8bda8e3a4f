import { type Broker, BrokerError } from './broker.js'
import { Journal, type JournalOptions } from './journal.js'
import { LocalBroker, type LocalBrokerOptions } from './local.js'
import { MemoryStore } from './memory-store.js'
import { isRedisUrl } from './redis/redis-url.js'
import type { Store } from './store.js'

export interface BrokerOptions extends JournalOptions, LocalBrokerOptions {
  /** `memory:`, `file:` and a folder, or `redis:` or `rediss:` (see `readRedisUrl`). */
  url: string
  /** Names what is kept from now on, if nothing is there yet: another one every time. */
  newEpoch: string
}

/** @throws BrokerError when it cannot be started */
export async function openBroker ({ url, newEpoch, ...options }: BrokerOptions): Promise<Broker> {
  if (isRedisUrl(url)) {
    const { RedisBroker } = await import('./redis/redis-broker.js')
    return await RedisBroker.open({ ...options, url, newEpoch })
  }
  const store = await openStore(url)
  try {
    return new LocalBroker(await Journal.open(store, options, newEpoch), options)
  } catch (error) {
    await store.close()
    throw new BrokerError(`BROKER_URL ${url}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

async function openStore (url: string): Promise<Store> {
  if (url === 'memory:') return new MemoryStore()
  const { FileStore } = await import('./file-store.js')
  try {
    return FileStore.open(folderOf(url))
  } catch (error) {
    throw error instanceof BrokerError ? new BrokerError(`BROKER_URL ${url}: ${error.message}`) : error
  }
}

/** `file:./data`, `file:/var/lib/herald`, `file:///var/lib/herald`. */
const folderOf = (url: string): string => url.replace(/^file:(?:\/\/(?=\/))?/, '')
