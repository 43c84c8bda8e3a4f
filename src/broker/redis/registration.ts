import { setTimeout as sleep } from 'node:timers/promises'
import type { Replay } from '../broker.js'
import type { RedisCluster } from './redis-cluster.js'
import type { RedisLink } from './redis-link.js'
import type { Standing } from './standing.js'

const STEP_MS = 100

export interface RegistrationOptions {
  node: string
  link: RedisLink
  standing: Standing
  cluster: RedisCluster
  /** See `RedisReader.replayAnew`. */
  replayAnew: (userId: string | null, connectionsElsewhere: number) => Replay
  /** The journal that this node was in is lost. */
  onLost: () => void
}

/** Makes a node known to Redis, and enters the journal that is there. Resolves with the time of Redis, in ms, when the node may be published to. */
export async function register (options: RegistrationOptions): Promise<number> {
  const { node, link, standing, cluster, replayAnew, onLost } = options
  const { epoch: known, heard } = standing
  const hello = link.call('hello', node, standing.nextEpoch(), known, heard, link.beatAt)
  const [current, time, disconnected, restMs, elsewhere] = await hello as [Buffer, Buffer, Buffer[], number, number]
  for (let i = 0; i < disconnected.length; i += 2) {
    cluster.connections?.closeHere(String(disconnected[i]), Number(disconnected[i + 1]) - (Number(time) - Date.now()))
  }
  await cluster.tellAll()
  if (restMs > 0) { // The others tell of their users as well.
    for (let left = restMs; left > 0 && !link.closed; left -= STEP_MS) await sleep(Math.min(left, STEP_MS))
    return await register(options)
  }
  const epoch = String(current)
  standing.enter(epoch)
  if (known !== '' && known !== epoch) {
    onLost()
    cluster.connections?.welcomeAnew((userId) => replayAnew(userId, elsewhere), Date.now())
  }
  return Number(time)
}
