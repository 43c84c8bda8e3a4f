import { describeMetrics } from '../../scripts/metrics.js'

const metrics = await describeMetrics()

/** Labels that Prometheus adds. */
const added = ['job', 'instance']

interface Series {
  labels: string[]
  /** Only grows. */
  counts: boolean
}

/** What Prometheus has for each metric: a histogram is three names. */
const series = new Map<string, Series>([['up', { labels: [], counts: false }], ...metrics.flatMap(({ name, type, labels }): Array<[string, Series]> => type === 'histogram'
  ? [[`${name}_bucket`, { labels: [...labels, 'le'], counts: true }], [`${name}_sum`, { labels, counts: true }], [`${name}_count`, { labels, counts: true }]]
  : [[name, { labels, counts: type === 'counter' }]])])

const words = new Set(['sum', 'by', 'rate', 'increase', 'histogram_quantile', 'and', 'label_values'])

/** What in a query of PromQL is not so: metrics and labels that there are not, a counter without a rate, a rate of something else. */
export function faultsOf (query: string): string[] {
  const faults: string[] = []
  const asked: string[] = []
  const bare = query.replaceAll(/"[^"]*"/g, '""').replaceAll(/\[[^\]]*\]/g, '[]')
  const rest = bare.replaceAll(/((?:rate|increase) ?\()?\b([a-z_][a-z0-9_]*)\b(\{[^}]*\})?(\[\])?/gi, (text, rate: string | undefined, name: string, matchers: string | undefined, range: string | undefined) => {
    const found = series.get(name)
    if (found === undefined) return text
    asked.push(name)
    for (const [, label = ''] of (matchers ?? '').matchAll(/(\w+) *(?:=~|!~|!=|=)/g)) {
      if (![...found.labels, ...added].includes(label)) faults.push(`${name} has no label ${label}`)
    }
    if (found.counts !== (rate !== undefined && range !== undefined)) faults.push(`${name} ${found.counts ? 'is a counter without a rate' : 'is no counter'}`)
    return rate === undefined ? '' : '('
  })
  const known = asked.flatMap((name) => series.get(name)?.labels ?? []).concat(added)
  const left = rest.replaceAll(/by \(([^)]*)\)/g, (_text, labels: string) => {
    for (const label of labels.split(/, */)) if (!known.includes(label)) faults.push(`nothing here has a label ${label}`)
    return ''
  })
  if (asked.length === 0) faults.push('it asks for nothing')
  for (const [word] of left.matchAll(/\b[a-z_]\w*/gi)) if (!words.has(word)) faults.push(`there is no ${word}`)
  if (query.includes('histogram_quantile') && !/histogram_quantile\([\d.]+, sum by \([^)]*\ble\b[^)]*\) \(rate\(\w+_bucket/.test(query)) faults.push('a quantile needs the buckets, by le')
  return faults
}
