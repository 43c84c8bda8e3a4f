import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisCluster } from './redis-cluster.js'
import type { RedisLink } from './redis-link.js'
import { MISSED } from './redis-reader.js'
import type { Standing } from './standing.js'

/** How long a node that finds another journal waits for what the others have to say of the one that was lost. */
const OTHERS_MS = 2000
const STEP_MS = 100

export interface RegistrationOptions {
  node: string
  link: RedisLink
  standing: Standing
  cluster: RedisCluster
  /** See `LocalConnections.rejoinAll`. */
  rejoinAll: (after: number | undefined) => void
}

/** Makes a node known to Redis, and enters the journal that is there. Resolves with the time of Redis, in ms, when the node may be published to. */
export async function register (options: RegistrationOptions): Promise<number> {
  const { node, link, standing, cluster } = options
  const { epoch: known, heard, unreached } = standing
  const { beatAt } = link
  const [current, , time, disconnected] = await link.call('hello', node, standing.nextEpoch(), known, heard, beatAt, unreached) as [Buffer, Buffer, Buffer, Buffer[]]
  for (let i = 0; i < disconnected.length; i += 2) {
    cluster.connections?.closeHere(String(disconnected[i]), Number(disconnected[i + 1]) - (Number(time) - Date.now()))
  }
  await cluster.tellAll()
  const epoch = String(current)
  if (known !== '' && known !== epoch) return await leaveLost(known, beatAt, epoch, options)
  standing.enter(epoch)
  return Number(time)
}

/** The journal that this node was in is lost. It is not ready before all have told of their users, and of what they know of that. */
async function leaveLost (lost: string, beatAt: number, epoch: string, { link, standing, cluster, rejoinAll }: RegistrationOptions): Promise<number> {
  const askOfPast = async () => await link.call('past', lost, standing.unreached) as [number, number, Buffer, Buffer]
  for (let waitedMs = 0; waitedMs < OTHERS_MS && !link.closed; waitedMs += STEP_MS) {
    if (waitedMs === OTHERS_MS / 2) await askOfPast() // What was under way when it was lost has its outcome by now, and may not have reached all.
    await sleep(STEP_MS)
  }
  const [newest, unreached, at, time] = await askOfPast()
  const missed = standing.mayLack(newest, unreached, Number(at) - beatAt)
  standing.enter(epoch)
  if (missed) cluster.connections?.rejoinAll(() => async () => MISSED, undefined) // They come back, and are told.
  else rejoinAll(undefined)
  return Number(time)
}
