import { encodeNotification } from '../../protocol/server-frames.js'
import type { Draft, Notification, Page } from '../broker.js'
import type { Ack } from './calls.js'

const LINE_FEED = 0x0a
const ACK = 'ack '
const CLOSE = 'close '

/** A notification that has come over the channel of a node, with the node and the call that have published it. */
export interface Received {
  epoch: string
  node: string
  call: string
  notification: Notification
}

/**
 * What a node publishes, and Redis keeps and sends on as it is: a line of fields, parted by tabs, which no user id has, and all of the notification's
 * frame behind its id. `at` and `ends` are in ms; the node and its call make it another entry than any before.
 */
export function encodeEntry ({ userId, excludeUser, tail, traceparent }: Draft, { at, ends, node, call }: { at: number, ends: number | undefined, node: string, call: string }): string {
  return `${at}\t${ends ?? ''}\t${excludeUser ?? ''}\t${node}\t${call}\t${userId ?? ''}\t${traceparent ?? ''}\n${tail}`
}

/** What few notifications have besides, for `publish` (`lua-publish.ts`); '': nothing. */
export function encodeSpecial ({ excludeUser, idempotency }: Draft, ends: number | undefined): string {
  if (ends === undefined && excludeUser === null && idempotency === undefined) return ''
  return [ends, excludeUser, idempotency?.key, idempotency?.fingerprint].map((field) => field ?? '').join('\t')
}

/** What came of a notification that was published; `receivers` are nodes, and `overlap` how many users are counted there once too often. */
export type Outcome =
  | { status: 'published', id: string, receivers: number, overlap: number }
  | { status: 'repeated', id: string }
  | { status: 'failed', why: string }
  | { status: 'mismatch' }

/** What `publish` (`lua-publish.ts`) answers; none: it was too late. */
export function decodeOutcomes (answer: unknown): Outcome[] {
  const [epoch, before, ...outcomes] = answer as [epoch: Buffer, before: Buffer, ...outcomes: Array<number | [number, number] | [status: Buffer, text?: Buffer]>]
  let seq = Number(before)
  return outcomes.map((outcome) => {
    const [first, second] = typeof outcome === 'number' ? [outcome, 0] : outcome
    if (typeof first === 'number') return { status: 'published', id: `${String(epoch)}-${++seq}`, receivers: first, overlap: Number(second) }
    const text = String(second)
    switch (String(first)) {
      case 'repeated': return { status: 'repeated', id: text }
      case 'mismatch': return { status: 'mismatch' }
      default: return { status: 'failed', why: text }
    }
  })
}

/**
 * What was published together for a node, in `seq` order: a line with the epoch, then before each entry a line with its seq and how many bytes it has,
 * parted by a tab.
 */
export function decodePublished (message: Buffer): Received[] {
  const received: Received[] = []
  let [epoch, next] = lineAt(message, 0)
  while (next < message.length) {
    const [about, entry] = lineAt(message, next)
    const [seq = '', length = ''] = about.split('\t')
    const [fields, tail] = lineAt(message, entry)
    const end = entry + Number(length)
    const [, , excluded = '', node = '', call = '', audience = '', traceparent = ''] = fields.split('\t')
    const id = `${epoch}-${seq}`
    received.push({
      epoch,
      node,
      call,
      notification: {
        seq: Number(seq),
        id,
        userId: audience === '' ? null : audience,
        excludeUser: excluded === '' ? null : excluded,
        frame: encodeNotification(id, message.subarray(tail, end)),
        traceparent: traceparent === '' ? undefined : traceparent
      }
    })
    next = end + 1
  }
  return received
}

/** A line, and where the next begins. */
function lineAt (message: Buffer, start: number): [line: string, next: number] {
  const end = message.indexOf(LINE_FEED, start)
  return end === -1 ? ['', message.length] : [message.toString('utf8', start, end), end + 1]
}

export const encodeAcks = (acks: Ack[]): string => `${ACK}${JSON.stringify(acks)}`

/** Undefined: it is none. */
export const decodeAcks = (message: Buffer): Ack[] | undefined => decode<Ack[]>(ACK, message)

/** What asks a node to close the sockets of a user: which node asks, in which call. */
type CloseRequest = [node: string, call: string, userId: string]

export const encodeClose = (request: CloseRequest): string => `${CLOSE}${JSON.stringify(request)}`

/** Undefined: it is none. */
export const decodeClose = (message: Buffer): CloseRequest | undefined => decode<CloseRequest>(CLOSE, message)

function decode<T> (kind: string, message: Buffer): T | undefined {
  return message.toString('latin1', 0, kind.length) === kind ? JSON.parse(message.toString('utf8', kind.length)) as T : undefined
}

/** What `read` (`lua-read.ts`) answers. */
export function decodePage (reply: unknown): Page<boolean> {
  const [epoch, last, complete, gap, found] = reply as [epoch: Buffer, last: Buffer, complete: number, gap: number, found: Buffer[]]
  const notifications: Page['notifications'] = []
  for (let i = 0; i < found.length; i += 2) {
    const id = `${String(epoch)}-${String(found[i])}`
    const tail = found[i + 1]
    if (tail !== undefined) notifications.push({ seq: Number(found[i]), id, frame: encodeNotification(id, tail) })
  }
  return { notifications, lastSeq: Number(last), complete: complete === 1, gap: gap === 1 }
}
