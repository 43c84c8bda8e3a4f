import type { Notification, Page } from '../broker.js'
import type { Ack } from './calls.js'

/** What stands before the frame, and is parted from it by a line feed: made by `hand_over` (`lua-publish.ts`). */
type Header = [epoch: string, seq: string, node: string, call: string, audience: string, excluded: string]

const LINE_FEED = 0x0a
const ACK = 'ack '

/** A notification as it comes over the channel of a node, with the node and the call that have published it. */
export function decodePublished (message: Buffer): { epoch: string, node: string, call: string, notification: Notification } {
  const end = message.indexOf(LINE_FEED)
  const [epoch, seq, node, call, audience, excluded] = JSON.parse(message.subarray(0, end).toString()) as Header
  return {
    epoch,
    node,
    call,
    notification: {
      seq: Number(seq),
      id: `${epoch}-${seq}`,
      userId: audience === '' ? null : audience,
      excludeUser: excluded === '' ? null : excluded,
      frame: Buffer.from(message.subarray(end + 1)) // A copy: the message is part of a larger piece that would be kept with it.
    }
  }
}

export const encodeAck = (ack: Ack): string => `${ACK}${JSON.stringify(ack)}`

/** Undefined: it is none. */
export function decodeAck (message: Buffer): Ack | undefined {
  return message.subarray(0, ACK.length).toString() === ACK ? JSON.parse(message.subarray(ACK.length).toString()) as Ack : undefined
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
