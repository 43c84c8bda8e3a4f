import type { Reach } from './broker.js'
import { endKey, outcomeKey } from './journal-keys.js'
import type { Change, Store } from './store.js'

/** What was answered to the first call with an idempotency key. */
export interface KeptOutcome extends Reach {
  /** Tells what that call asked for. */
  fingerprint: string
  id: string
}

type KeyValue = [fingerprint: string, expiresAt: number, id: string, connections: number, users: number]

export function outcomeOf (store: Store, key: string, now: number, keepMs: number): KeptOutcome | undefined {
  const value = read(store, key)
  if (value === undefined || !isKept(value[1], now, keepMs)) return undefined
  const [fingerprint, , id, connections, users] = value
  return { fingerprint, id, connections, users }
}

/** Keeps an outcome; one that becomes known later does not make its key last longer. */
export function keepOutcome (store: Store, key: string, { fingerprint, id, connections, users }: KeptOutcome, now: number, keepMs: number): Change[] {
  const keptUntil = read(store, key)?.[1] ?? 0
  const expiresAt = isKept(keptUntil, now, keepMs) ? keptUntil : now + keepMs
  const value: KeyValue = [fingerprint, expiresAt, id, connections, users]
  return [{ key: outcomeKey(key), value }, { key: endKey(expiresAt, 'k', key), value: true }]
}

/** Forgets a key that was to be forgotten at this time, unless it is in use again. */
export function expireKey (store: Store, key: string, expiresAt: number): Change[] {
  return read(store, key)?.[1] === expiresAt ? [{ key: outcomeKey(key) }] : []
}

/** A clock that was put back by less, or a setting that was lowered, publishes nothing twice. */
const MAX_AHEAD_MS = 86_400_000

/** One that is kept for much longer than any is from before the clock was put back. */
const isKept = (expiresAt: number, now: number, keepMs: number): boolean => expiresAt > now && expiresAt <= now + keepMs + MAX_AHEAD_MS

const read = (store: Store, key: string) => store.get(outcomeKey(key)) as KeyValue | undefined
