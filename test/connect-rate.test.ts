import t, { type Test } from 'tap'
import { ALL_SCOPES, addressOf, build, type Service } from './support/app.js'
import { connect, refusal } from './support/client.js'
import { startRedis } from './support/redis.js'
import { sign } from './support/token.js'
import { hasTool } from './support/tools.js'
import { until } from './support/wait.js'

const tooFast = { status: 429, headers: { 'retry-after': '1' }, problem: { code: 'connecting_too_fast' } }

/**
 * Opens and closes as fast as it can for so long, from one address; says how many were let in, and how many that can be at this rate:
 * the first and the last may have been decided on at any moment of the longest attempt, and one each may not be due yet.
 */
async function storm (t: Test, services: Service[], rate: number, ms: number) {
  const started = performance.now()
  let admitted = 0
  let longestMs = 0
  await Promise.all(services.flatMap((service) => [service, service]).map(async (service) => {
    while (performance.now() < started + ms) {
      const begun = performance.now()
      const opened = await connect(t, addressOf(service, 'ada'), { headers: { 'x-forwarded-for': '192.0.2.1' } }).catch(() => undefined)
      longestMs = Math.max(longestMs, performance.now() - begun)
      if (opened === undefined) continue
      admitted++
      opened.socket.terminate()
    }
  }))
  const within = (ms: number) => rate + rate * ms / 1000
  return { admitted, least: within(ms - 2 * longestMs) - 2, most: within(performance.now() - started) + 1 }
}

t.test('CONNECT_RATE sockets are opened at once, then as many a second, of each address', async (t) => {
  const service = await build(t, { CONNECT_RATE: 5, TRUST_PROXY: 'true', MAX_CONNECTIONS_PER_USER: 0 })
  const from = (ip: string) => ({ headers: { 'x-forwarded-for': ip } })

  const { admitted, least, most } = await storm(t, [service], 5, 2000)

  t.ok(admitted >= least && admitted <= most, `${admitted} of ${least} to ${most}`)
  await connect(t, addressOf(service, 'ben'), from('192.0.2.2'))
  const site = await Promise.allSettled(Array.from({ length: 50 }, async (_, i) => await connect(t, addressOf(service, 'ben'), from(`2001:db8:0:1::${i}`))))
  const opened = site.filter(({ status }) => status === 'fulfilled').length
  t.ok(opened >= 5 && opened < 50, `${opened} of one site`)
  await connect(t, addressOf(service, 'ben'), from('2001:db8:0:2::1'))
})

t.test('it is refused before the token is looked at; who asks without an upgrade is told, and not counted', async (t) => {
  const service = await build(t, { CONNECT_RATE: 1 })
  const ask = async () => (await fetch(`${service.http}/ada`, { headers: { authorization: `Bearer ${sign({ sub: 'ada', scope: ALL_SCOPES })}` } })).status

  for (let i = 0; i < 5; i++) t.equal(await ask(), 426)
  await until(async () => {
    const refusals = await Promise.all(Array.from({ length: 10 }, async () => await refusal(`${service.ws}/ada?token=bad`)))
    const fast = refusals.filter(({ status }) => status === 429)
    for (const one of fast) t.match(one, tooFast)
    return fast.length > 0 && await ask() === 429
  }, 10_000)
  t.equal((await service.post('/notify/ada', { notification_type: 'info', message: {} })).status, 200)
})

t.test('with Redis it is one rate for all nodes', async (t) => {
  if (!hasTool(t, 'redis')) return
  const redis = await startRedis(t)
  const settings = { BROKER_URL: redis.url, CONNECT_RATE: 5, TRUST_PROXY: 'true', MAX_CONNECTIONS_PER_USER: 0 }
  const nodes = [await build(t, settings), await build(t, settings)]

  const { admitted, least, most } = await storm(t, nodes, 5, 2000)

  t.ok(admitted >= least && admitted <= most, `${admitted} of ${least} to ${most}`)
  t.ok(Number(redis.cli('PTTL', 'herald:{all}:connects:192.0.2.1')) <= 1200)
  for (const node of nodes) await connect(t, addressOf(node, 'ben'), { headers: { 'x-forwarded-for': '192.0.2.2' } })
  await connect(t, addressOf(await build(t, { ...settings, CONNECT_RATE: 2 ** 31 - 1 }), 'ben')) // The next may follow within the same millisecond.
})
