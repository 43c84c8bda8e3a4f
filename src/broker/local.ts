import { encodeNotification } from '../protocol/server-frames.js'
import type { Broker, Deliver } from './broker.js'

/** The broker of a single process: it numbers and delivers, and keeps nothing. */
export function createLocalBroker (epoch: string, deliver: Deliver): Broker {
  let seq = 0
  const idOf = (seq: number) => `${epoch}-${seq}`

  return {
    async publish ({ userId, excludeUser, tail }) {
      const id = idOf(++seq)
      return { id, ...await deliver({ seq, id, userId, excludeUser, frame: encodeNotification(id, tail) }), stored: false }
    },

    async replay (_userId, after) {
      const lastEventId = idOf(seq)
      return { notifications: [], gap: after !== undefined && after !== lastEventId, lastEventId, lastSeq: seq }
    }
  }
}
