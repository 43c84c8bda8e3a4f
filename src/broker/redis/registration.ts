import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisCluster } from './redis-cluster.js'
import type { RedisLink } from './redis-link.js'
import type { Standing } from './standing.js'

const STEP_MS = 100

export interface RegistrationOptions {
  node: string
  link: RedisLink
  standing: Standing
  cluster: RedisCluster
  onEnter: (journal: Entered) => void
}

/** The journal that a node is in now. */
export interface Entered {
  /** The one that it was in before is lost. */
  isAnother: boolean
  /** Its newest. */
  seq: number
  /** Open sockets on other nodes, as far as these have told of them. */
  elsewhere: number
}

/** Makes a node known to Redis, and enters the journal that is there. Resolves with the time of Redis, in ms, when the node may be published to. */
export async function register (options: RegistrationOptions): Promise<number> {
  const { node, link, standing, cluster, onEnter } = options
  const { epoch: known, heard } = standing
  const hello = link.call('hello', node, standing.nextEpoch(), known, heard, link.beatAt, cluster.beginSession())
  const [epoch, seq, time, disconnected, waitMs, elsewhere, counted] = await hello as [Buffer, Buffer, Buffer, Buffer[], number, number, Buffer[]]
  standing.enter(String(epoch))
  onEnter({ isAnother: known !== '' && known !== standing.epoch, seq: Number(seq), elsewhere })
  for (let i = 0; i < disconnected.length; i += 2) {
    cluster.connections?.closeHere(String(disconnected[i]), performance.now() - (Number(time) - Number(disconnected[i + 1])))
  }
  await cluster.tellAll(counted.map(String))
  if (waitMs === 0) return Number(time)
  for (const until = performance.now() + waitMs; performance.now() < until;) {
    if (!link.sound) throw new Error('the connection is closed')
    await sleep(STEP_MS)
  }
  // By then it may be another journal again.
  return await register(options)
}
