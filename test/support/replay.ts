import type { Notification, Replay } from '../../src/broker/broker.js'

/** What a broker answers to who has missed `missed` after `after`, in pages of `perPage`. */
export function replayOf (missed: Notification[], { after = 0, gap = false, perPage = Infinity } = {}): Replay {
  return {
    gap,
    count: missed.length,
    connectionsElsewhere: 0,
    after,
    epoch: 'e',
    seq: missed.at(-1)?.seq ?? after,
    async read (position) {
      const left = missed.filter(({ seq }) => seq > position)
      const notifications = left.slice(0, perPage)
      return { notifications, lastSeq: notifications.at(-1)?.seq ?? position, complete: notifications.length === left.length, gap: undefined }
    }
  }
}

/** What a broker answers to who asks for no replay, when `seq` is the newest. */
export const noReplay = (seq = 0): Replay => replayOf([], { after: seq })
