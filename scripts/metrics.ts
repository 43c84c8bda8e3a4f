import type { Metric } from 'prom-client'
import { Traffic } from '../src/connections/traffic.js'
import { Metrics } from '../src/metrics/metrics.js'
import { processRegistry } from '../src/metrics/process.js'

export interface MetricDescription {
  name: string
  type: string
  labels: string[]
  help: string
}

/** Every metric that a service can have, whatever its broker, as the registries have it. */
export async function describeMetrics (): Promise<MetricDescription[]> {
  const metrics = new Metrics()
  metrics.watch({
    keySet: undefined,
    connections: { stopping: false, getTally: () => ({ ...new Traffic(), connections: 0, anonymous: 0, users: 0, waitingBytes: 0, replayed: 0 }) },
    broker: { problem: () => undefined, journalSize: () => ({ entries: 0, bytes: 0 }), link: { ready: true, probeAgeMs: 0, probeMs: 0, reconnects: 0 } }
  })
  const described = [metrics.registry, processRegistry()].map(async (registry) => await Promise.all((await registry.getMetricsAsJSON()).map(async ({ name, help, type }) => {
    const { labelNames } = registry.getSingleMetric(name) as Metric & { labelNames: string[] }
    return { name, type: String(type), labels: labelNames, help }
  })))
  return (await Promise.all(described)).flat()
}
