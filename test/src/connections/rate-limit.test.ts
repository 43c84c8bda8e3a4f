import t from 'tap'
import { RateLimit } from '../../../src/connections/rate-limit.js'

const takeMany = (limit: RateLimit, times: number, now: number) => Array.from({ length: times }, () => limit.take(now))

t.test('a burst of twice the rate passes, then it is over', async (t) => {
  const limit = new RateLimit(20, 0)

  const verdicts = takeMany(limit, 41, 0)

  t.strictSame(new Set(verdicts.slice(0, 40)), new Set(['within']))
  t.equal(verdicts[40], 'over')
})

t.test('exactly the rate passes for ever', async (t) => {
  const limit = new RateLimit(20, 0)
  takeMany(limit, 39, 0)

  const verdicts = Array.from({ length: 10_000 }, (_, i) => limit.take((i + 1) * 50))

  t.strictSame(new Set(verdicts), new Set(['within']))
})

t.test('after a burst, one second is worth the rate and no more', async (t) => {
  const limit = new RateLimit(20, 0)
  takeMany(limit, 41, 0)

  for (const now of [1000, 2000, 3000]) {
    const verdicts = takeMany(limit, 21, now)

    t.strictSame(new Set(verdicts.slice(0, 20)), new Set(['within']))
    t.equal(verdicts[20], 'over')
  }
})

t.test('twice the rate gets the rate through, and is far over after a second of it', async (t) => {
  const limit = new RateLimit(20, 0)
  takeMany(limit, 40, 0)

  const verdicts = Array.from({ length: 42 }, (_, i) => limit.take((i + 1) * 25))

  t.equal(verdicts.filter((verdict) => verdict === 'within').length, 21)
  t.equal(verdicts.indexOf('far_over'), 40)
})

t.test('a quiet second makes up for what was over', async (t) => {
  const limit = new RateLimit(20, 0)
  takeMany(limit, 60, 0)

  const verdicts = takeMany(limit, 40, 1000)

  t.notOk(verdicts.includes('far_over'))
})

t.test('a clock that is set back gives nothing and takes nothing', async (t) => {
  const limit = new RateLimit(20, 1000)
  takeMany(limit, 40, 1000)

  t.equal(limit.take(0), 'over')
  t.equal(limit.take(50), 'within')
})
