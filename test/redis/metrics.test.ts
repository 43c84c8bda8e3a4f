import t from 'tap'
import { describeMetrics } from '../../scripts/metrics.js'
import { addressOf, build } from '../support/app.js'
import { connect } from '../support/client.js'
import { type Scrape, scrape } from '../support/metrics.js'
import { startRedis } from '../support/redis.js'
import { hasTool } from '../support/tools.js'
import { until } from '../support/wait.js'

t.test('with Redis the metrics say how the way there stands, and none is missing', async (t) => {
  if (!hasTool(t, 'redis')) return
  const redis = await startRedis(t)
  const service = await build(t, { BROKER_URL: redis.url })
  /** The first scrape of which it holds. */
  const when = async (holds: (now: Scrape) => boolean): Promise<Scrape> => {
    let now = await scrape(`http://127.0.0.1:${service.port}`)
    await until(async () => {
      now = await scrape(`http://127.0.0.1:${service.port}`)
      return holds(now)
    }, 20_000)
    return now
  }
  const client = await connect(t, addressOf(service, 'ada'))
  await client.next()

  const { body: { id } } = await service.post('/notify/ada', { notification_type: 'info', message: {} })
  t.match(await client.nextOf('notification'), { id })
  const up = await when((now) => now.value('herald_ready') === 1 && now.value('herald_redis_up') === 1 && now.value('herald_redis_probe_duration_seconds') > 0)
  redis.kill('SIGKILL')
  await redis.exited
  await when((now) => now.value('herald_redis_up') === 0)
  const refused = await service.post('/notify/ada', { notification_type: 'info', message: {} })
  const down = await when((now) => now.value('herald_redis_probe_age_seconds') > 1)
  await startRedis(t, { port: redis.port })
  const again = await when((now) => now.value('herald_ready') === 1 && now.value('herald_redis_up') === 1 && now.value('herald_redis_probe_age_seconds') < 1)

  t.equal(refused.status, 503)
  t.equal(down.value('herald_ready'), 0)
  t.ok(again.value('herald_redis_reconnects_total') > down.value('herald_redis_reconnects_total'))
  t.equal(down.value('herald_notifications_total{kind="notify",outcome="journal_unavailable"}'), 1)
  t.equal(up.value('herald_journal_commit_duration_seconds_count'), 1)
  t.equal(up.value('herald_delivery_duration_seconds_count{kind="notify"}'), 1)
  const elsewhere = ['herald_journal_entries', 'herald_journal_size_bytes'] // Redis keeps the journal, and its exporter tells of it.
  t.strictSame(up.names.concat(elsewhere).sort(), (await describeMetrics()).map(({ name }) => name).sort())
})
