import type { Entry } from './audience.js'
import type { Key } from './store.js'

/**
 * The version of what the store of a journal has, by key:
 *   layout, epoch, seq, floor                  one each: see `Journal`
 *   n, audience → see `Audience`               how many notifications there are, and what has gone; the audience is a user id, or '' for everybody
 *   n, audience, seq, expiresAt → excludeUser  a notification
 *   x, expiresAt, n, audience, seq → frame     the same by its end: on a disk the frames of a batch lie together, which makes few pages to be written
 *                                              (a frame whose notification was trimmed may be left until then)
 *   k, key → see `idempotency.ts`
 *   x, expiresAt, a | k, audience | key        when nothing more need be known of it
 *   probe                                      for a moment: see `Journal.probe`
 */
export const LAYOUT = 2

export type NotificationKey = [kind: 'n', audience: string, seq: number, expiresAt: number]

export type Place = Pick<Entry, 'seq' | 'expiresAt'>

export const audienceKey = (audience: string): Key => ['n', audience]

export const notificationKey = (audience: string, { seq, expiresAt }: Place): NotificationKey => ['n', audience, seq, expiresAt]

/** Between these are the notifications for an audience with a `seq` from `first` to `last`. */
export const notificationRange = (audience: string, first: number, last: number): [start: Key, end: Key] => [['n', audience, first], ['n', audience, last + 1]]

export const frameKey = (audience: string, { seq, expiresAt }: Place): Key => ['x', expiresAt, 'n', audience, seq]

export const outcomeKey = (key: string): Key => ['k', key]

export const endKey = (expiresAt: number, kind: 'a' | 'k', name: string): Key => ['x', expiresAt, kind, name]

/** Between these is what has ended at `now`, frames included. */
export const endedRange = (now: number): [start: Key, end: Key] => [['x'], ['x', now + 1]]
