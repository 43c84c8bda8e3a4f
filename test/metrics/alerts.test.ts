import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { faultsOf } from '../support/promql.js'
import { alerts, alertsFile } from '../support/alerts.js'
import { hasTool } from '../support/tools.js'

/** What Prometheus has of a node that is well, in eleven minutes. */
const healthy = {
  up: '1x10',
  herald_ready: '1x10',
  herald_draining: '0x10',
  'herald_connections{kind="user"}': '1000x10',
  'herald_connects_total{kind="user"}': '0+60x10',
  'herald_closes_total{code="4001",reason="slow_consumer"}': '0x10',
  'herald_closes_total{code="4002",reason="heartbeat_timeout"}': '0x10',
  'herald_refusals_total{kind="upgrade",code="token_expired"}': '0+30x10',
  'herald_notifications_total{kind="notify",outcome="journal_unavailable"}': '0x10',
  'herald_resumes_total{resume="caught_up"}': '0+100x10',
  'herald_resumes_total{resume="gap"}': '0+1x10',
  'herald_publish_duration_seconds_bucket{kind="notify",le="0.1"}': '0+100x10',
  'herald_publish_duration_seconds_bucket{kind="notify",le="+Inf"}': '0+100x10',
  nodejs_eventloop_lag_p99_seconds: '0.02x10',
  process_open_fds: '1050x10',
  process_max_fds: '20000x10',
  herald_redis_probe_age_seconds: '0.3x10',
  herald_redis_reconnects_total: '0x10'
}

/** What is different when something is wrong, and the alert that says so. */
const wrong: Record<string, Partial<typeof healthy>> = {
  HeraldDown: { up: '0x10' },
  HeraldNotReady: { herald_ready: '0x10' },
  HeraldDrainHangs: { herald_ready: '0x10', herald_draining: '1x10' },
  HeraldNotificationsRefused: { 'herald_notifications_total{kind="notify",outcome="journal_unavailable"}': '0x8 1 1' },
  HeraldPublishSlow: { 'herald_publish_duration_seconds_bucket{kind="notify",le="0.1"}': '0+50x10', 'herald_publish_duration_seconds_bucket{kind="notify",le="5"}': '0+100x10' } as Partial<typeof healthy>,
  HeraldEventLoopLate: { nodejs_eventloop_lag_p99_seconds: '0.5x10' },
  HeraldSlowConsumers: { 'herald_closes_total{code="4001",reason="slow_consumer"}': '0+20x10' },
  HeraldClientsSilent: { 'herald_closes_total{code="4002",reason="heartbeat_timeout"}': '0+50x10' },
  HeraldGaps: { 'herald_resumes_total{resume="gap"}': '0+50x10' },
  HeraldUpgradesRefused: { 'herald_refusals_total{kind="upgrade",code="token_expired"}': '0+600x10' },
  HeraldDescriptorsLow: { process_open_fds: '19000x10' },
  HeraldRedisProbeOld: { herald_redis_probe_age_seconds: '0+60x10' },
  HeraldRedisUnsteady: { herald_redis_reconnects_total: '0+1x10' }
}

t.test('each alert asks for metrics and labels that there are, and says what to do', async (t) => {
  t.strictSame(alerts.map(({ name }) => name), Object.keys(wrong))
  for (const { name, expr, summary, description } of alerts) {
    t.strictSame(faultsOf(expr), [], name)
    t.match({ summary, description }, { summary: /.{20}/, description: /.{40}/ }, name)
  }
})

t.test('each alert comes when it should, alone, and none comes when all is well', async (t) => {
  if (!hasTool(t, 'promtool')) return
  const file = join(t.testdir(), 'tests.json') // JSON is YAML.
  writeFileSync(file, JSON.stringify({
    rule_files: [alertsFile],
    evaluation_interval: '1m',
    tests: [['all is well', {}], ...Object.entries(wrong)].map(([name, different]) => ({
      name,
      interval: '1m',
      input_series: Object.entries({ ...healthy, ...different as object }).map(([series, values]) => ({ series: ofOneNode(series), values })),
      promql_expr_test: [{
        expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
        eval_time: '10m',
        exp_samples: name === 'all is well' ? [] : [{ labels: `{alertname="${name}"}`, value: 1 }]
      }]
    }))
  }))

  const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', file], { encoding: 'utf8' })

  t.equal(status, 0, stdout + stderr)
})

function ofOneNode (series: string): string {
  const [name = '', labels = ''] = series.split(/[{}]/)
  return `${name}{job="herald",instance="a"${labels === '' ? '' : `,${labels}`}}`
}
