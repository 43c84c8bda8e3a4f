import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { describeMetrics } from '../../scripts/metrics.js'
import { alerts, alertsFile } from '../support/alerts.js'
import { faultsOf } from '../support/promql.js'
import { hasTool } from '../support/tools.js'

interface Panel {
  id: number
  type: string
  title: string
  datasource?: unknown
  targets?: Array<{ datasource: unknown, expr: string, legendFormat: string }>
}

const { panels, templating } = JSON.parse(readFileSync(join(import.meta.dirname, '../../docs/grafana.json'), 'utf8')) as {
  panels: Panel[]
  templating: { list: Array<{ name: string, type: string, definition?: string }> }
}
const queries = panels.flatMap(({ title, targets = [] }) => targets.map(({ expr, legendFormat }) => ({ title, expr, legendFormat })))

t.test('each query of the dashboard asks for metrics and labels that there are', async (t) => {
  t.ok(queries.length > 30)
  for (const { title, expr, legendFormat } of queries) {
    t.strictSame(faultsOf(expr), [], `${title}: ${expr}`)
    const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label)
    const kept = /\bby \(([^)]*)\)/.exec(expr)?.[1]?.split(', ') ?? (expr.includes('sum (') ? [] : ['instance'])
    t.strictSame(named.filter((label) => !kept.includes(label)), [], `${title}: the legend is of what is left`)
  }
  for (const { definition } of templating.list) {
    if (definition !== undefined) t.strictSame(faultsOf(definition.replace(/, (job|instance)\)$/, ')')), [], definition)
  }
})

t.test('a query that asks for what there is not is seen', async (t) => {
  for (const wrong of [
    'herald_nothing', 'rate(herald_connects[5m])', 'herald_connects_total', 'rate(herald_users[5m])', 'herald_connections{user="ada"}',
    'sum by (kind) (herald_users)', 'sum by (kind) (rate(herald_publish_duration_seconds[5m]))', 'sam(herald_users)', '1',
    'histogram_quantile(0.9, sum by (kind) (rate(herald_publish_duration_seconds_bucket[5m])))'
  ]) t.not(faultsOf(wrong).length, 0, wrong)
})

t.test('everything that the service tells of itself is on the dashboard', async (t) => {
  const asked = queries.map(({ expr }) => expr).join()
  const missing = (await describeMetrics()).filter(({ name }) => name.startsWith('herald_') && !asked.includes(name))

  t.strictSame(missing, [])
})

t.test('the dashboard can be provisioned anywhere: its data source and its job are variables', async (t) => {
  t.match(templating.list.map(({ name, type }) => `${type} ${name}`), ['datasource datasource', 'query job', 'query instance'])
  t.strictSame(panels.filter(({ type }) => type === 'row').map(({ title }) => title), ['Traffic', 'Latency', 'Health', 'Resources'])
  t.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
  for (const { title, datasource, targets = [] } of panels.filter(({ type }) => type !== 'row')) {
    for (const source of [datasource, ...targets.map(({ datasource }) => datasource)]) t.match(source, { type: 'prometheus', uid: /^\$\{datasource\}$/ }, title)
  }
  for (const { expr, title } of queries) t.match(expr, /\{job="\$job", instance=~"\$instance"/, title)
})

t.test('Prometheus can read each of these queries, and the alerts', async (t) => {
  if (!hasTool(t, 'promtool')) return
  const file = join(t.testdir(), 'rules.json') // JSON is YAML.
  const rules = queries.map(({ expr }, i) => ({ record: `panel:${i}`, expr: expr.replaceAll('$__rate_interval', '5m') }))
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'panels', rules }] }))

  for (const [path, count] of [[file, rules.length], [alertsFile, alerts.length]] as const) {
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', path], { encoding: 'utf8' })

    t.equal(status, 0, stdout + stderr)
    t.match(stdout, `SUCCESS: ${count} rules found`)
  }
})
