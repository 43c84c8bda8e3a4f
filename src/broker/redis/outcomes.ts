import { setTimeout as sleep } from 'node:timers/promises'
import type { Reach } from '../broker.js'
import type { RedisLink } from './redis-link.js'

/** How often it is looked whether a call that another node answers has its outcome, and how long. */
const POLL_MS = 10
const MAX_POLLS = 100

/** What came of the call with this idempotency key, which has published and may not have been answered yet. */
export async function outcomeOf (link: RedisLink, key: string): Promise<Reach> {
  for (let poll = 0; poll < MAX_POLLS; poll++) {
    const [connections, users] = await link.call('outcome', key) as number[]
    if (connections !== undefined && users !== undefined) return { connections, users }
    await sleep(POLL_MS)
  }
  const unknown = { connections: 0, users: 0 }
  await keepOutcome(link, key, unknown) // Who published it is gone.
  return unknown
}

/** Without it a repeated call is told that the notification reached nobody, which is not worth an error to the first one. */
export async function keepOutcome (link: RedisLink, key: string, { connections, users }: Reach): Promise<void> {
  await link.call('keep_outcome', key, connections, users).catch(() => {})
}
