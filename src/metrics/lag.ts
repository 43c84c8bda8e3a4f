import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Gauge, type Registry } from 'prom-client'

/** The loop is looked at so often; each time wakes a process that idles. */
const STEP_MS = 250

/** Adds how late the event loop is, as something that comes at any moment would find it, since the last scrape. */
export function watchLag (registry: Registry): void {
  const steps = monitorEventLoopDelay({ resolution: STEP_MS })
  steps.enable()
  const gauge = (name: string, help: string, read: () => number) => new Gauge({
    name: `nodejs_eventloop_lag_${name}_seconds`,
    help,
    registers: [registry],
    collect () { this.set(Math.max(0, read() / 1e9 - STEP_MS / 1000)) }
  })
  gauge('p50', 'How late the event loop was since the last scrape, at the median.', () => steps.percentile(50))
  gauge('p90', 'The same, at the 90th percentile.', () => steps.percentile(90))
  gauge('p99', 'The same, at the 99th percentile.', () => steps.percentile(99))
  gauge('max', 'The same, at worst.', () => {
    const { max } = steps
    steps.reset() // This is the last to be read.
    return max
  })
}
