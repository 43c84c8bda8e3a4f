import type { Notification, Page } from '../broker.js'
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
 * What was published together for a node, in `seq` order: `publish` (`lua-publish.ts`) parts what stands before a frame by tabs,
 * the last of it is how long the frame is, and the frame by a line feed. No user id has either.
 */
export function decodePublished (message: Buffer): Received[] {
  const received: Received[] = []
  for (let start = 0; start < message.length;) {
    const head = message.indexOf(LINE_FEED, start)
    if (head === -1) break
    const [epoch = '', seq = '', node = '', call = '', audience = '', excluded = '', traceparent = '', length = ''] = message.toString('utf8', start, head).split('\t')
    const end = head + 1 + Number(length)
    received.push({
      epoch,
      node,
      call,
      notification: {
        seq: Number(seq),
        id: `${epoch}-${seq}`,
        userId: audience === '' ? null : audience,
        excludeUser: excluded === '' ? null : excluded,
        frame: Buffer.from(message.subarray(head + 1, end)), // A copy: the message is part of a larger piece that would be kept with it.
        traceparent: traceparent === '' ? undefined : traceparent
      }
    })
    start = end
  }
  return received
}

export const encodeAcks = (acks: Ack[]): string => `${ACK}${JSON.stringify(acks)}`

/** Undefined: it is none. */
export const decodeAcks = (message: Buffer): Ack[] | undefined => decode<Ack[]>(ACK, message)

/** What asks a node to close the sockets of a user: which node asks, in which call. */
export type CloseRequest = [node: string, call: string, userId: string]

export const encodeClose = (request: CloseRequest): string => `${CLOSE}${JSON.stringify(request)}`

/** Undefined: it is none. */
export const decodeClose = (message: Buffer): CloseRequest | undefined => decode<CloseRequest>(CLOSE, message)

function decode<T> (kind: string, message: Buffer): T | undefined {
  return message.toString('latin1', 0, kind.length) === kind ? JSON.parse(message.toString('utf8', kind.length)) as T : undefined
}

/** What `read` (`lua-read.ts`) answers. */
export function decodePage (reply: unknown): Page {
  const [epoch, last, complete, gap, found] = reply as [epoch: Buffer, last: Buffer, complete: number, gap: number, found: Buffer[]]
  const notifications: Page['notifications'] = []
  for (let i = 0; i < found.length; i += 2) {
    const frame = found[i + 1]
    if (frame !== undefined) notifications.push({ seq: Number(found[i]), id: `${String(epoch)}-${String(found[i])}`, frame })
  }
  return { notifications, lastSeq: Number(last), complete: complete === 1, gap: gap === 1 }
}
