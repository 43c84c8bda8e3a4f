import type { KeySet } from './access/key-set.js'
import type { Broker } from './broker/broker.js'
import type { ConnectionManager } from './connections/connection-manager.js'
import { AppError } from './errors.js'

export interface Working {
  connections: Pick<ConnectionManager, 'stopping'>
  broker: Pick<Broker, 'problem'>
  keySet: Pick<KeySet, 'problem'> | undefined
}

/** Why the service cannot do its work at the moment; undefined: it can. */
export function whyNotReady ({ connections, broker, keySet }: Working): AppError | undefined {
  if (connections.stopping) return new AppError('shutting_down')
  const problem = broker.problem() ?? keySet?.problem(Date.now())
  return problem === undefined ? undefined : new AppError('not_ready', problem)
}
