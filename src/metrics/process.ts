import { readdirSync, statSync } from 'node:fs'
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { watchLag } from './lag.js'

const left = [
  // Dear with many sockets, and not named as Prometheus wants it.
  'nodejs_active_handles', 'nodejs_active_handles_total', 'nodejs_active_requests', 'nodejs_active_requests_total', 'nodejs_active_resources', 'nodejs_active_resources_total',
  // They count the step in which they look as lag, and a fine step is dear. See `watchLag`.
  ...['', '_min', '_max', '_mean', '_stddev', '_p50', '_p90', '_p99'].map((name) => `nodejs_eventloop_lag${name}_seconds`)
]

/** Never, as far as a timer goes. */
const NEVER_MS = 2 ** 31 - 1

const OPEN_FDS = 'process_open_fds'

let registry: Registry | undefined

/** What is told of the process: once, however many services are in it. */
export function processRegistry (): Registry {
  if (registry !== undefined) return registry

  registry = new Registry()
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: NEVER_MS })
  for (const name of left) registry.removeSingleMetric(name)
  watchLag(registry)
  if (registry.getSingleMetric(OPEN_FDS) !== undefined) {
    registry.removeSingleMetric(OPEN_FDS)
    const openFds = new Gauge({ name: OPEN_FDS, help: 'Number of open file descriptors.', registers: [], collect () { this.set(countDescriptors()) } })
    registry.registerMetric(openFds)
  }
  return registry
}

/** Linux 6.2 and newer say it in the size of the folder; reading it takes 8 ms for 10,000. */
function countDescriptors (): number {
  const folder = '/proc/self/fd'
  return statSync(folder).size || readdirSync(folder).length - 1
}
