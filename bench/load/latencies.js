import { createHistogram } from 'node:perf_hooks'

const NS_PER_MS = 1e6

/** Latencies, kept as a histogram. */
export class Latencies {
  #histogram = createHistogram({ figures: 3 })

  add (ms) {
    this.#histogram.record(Math.max(1, Math.round(ms * NS_PER_MS)))
  }

  /** In milliseconds. */
  summary () {
    const at = (percentile) => this.#histogram.percentile(percentile) / NS_PER_MS
    return { p50: at(50), p99: at(99), p999: at(99.9), max: this.#histogram.max / NS_PER_MS }
  }
}
