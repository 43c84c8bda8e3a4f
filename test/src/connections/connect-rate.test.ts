import t from 'tap'
import { ConnectRate, networkOf } from '../../../src/connections/connect-rate.js'

/** Tries every `everyMs` for so long; returns when it was let in. */
function tryFor (rate: ConnectRate, ms: number, everyMs: number, address = '192.0.2.1'): number[] {
  return Array.from({ length: Math.floor(ms / everyMs) }, (_, i) => i * everyMs).filter((now) => rate.take(address, true, now))
}

t.test('a second\'s worth passes at once, then it is over', async (t) => {
  for (const perSecond of [1, 3, 7, 500]) {
    const rate = new ConnectRate(perSecond)

    const verdicts = Array.from({ length: perSecond + 1 }, () => rate.take('192.0.2.1', true, 0))

    t.strictSame([...new Set(verdicts.slice(0, perSecond))], [true])
    t.equal(verdicts[perSecond], false)
  }
})

t.test('who comes far too often is let in at the rate, for ever, and never more often', async (t) => {
  for (const perSecond of [1, 3, 10, 100]) {
    const admitted = tryFor(new ConnectRate(perSecond), 100_000, 1)

    t.ok(Math.abs(admitted.length - perSecond * 101) <= 1, `${admitted.length} at ${perSecond} a second`)
    for (let second = 1; second < 100; second++) {
      const inSecond = admitted.filter((now) => now >= second * 1000 && now < (second + 1) * 1000).length
      t.ok(Math.abs(inSecond - perSecond) <= 1, `${inSecond} in second ${second} at ${perSecond} a second`)
    }
  }
})

t.test('who keeps to the rate is never refused, also at half of it after a storm', async (t) => {
  const rate = new ConnectRate(4)
  t.equal(tryFor(rate, 1000_000, 250).length, 4000)

  const stormy = new ConnectRate(4)
  tryFor(stormy, 10_000, 1)
  for (let now = 10_500; now < 100_000; now += 500) t.ok(stormy.take('192.0.2.1', true, now))
})

t.test('who asks is told, and not counted; addresses do not share', async (t) => {
  const rate = new ConnectRate(2)

  for (let i = 0; i < 10; i++) t.ok(rate.take('192.0.2.1', false, 0))
  t.strictSame([0, 0, 0].map((now) => rate.take('192.0.2.1', true, now)), [true, true, false])
  t.notOk(rate.take('192.0.2.1', false, 0))

  t.ok(rate.take('192.0.2.2', true, 0))
})

t.test('what counts as one address', async (t) => {
  for (const [ip, network] of [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:0DB8:0001:0002::9', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['1::3:4:5:6:7:8', '1:0:3:4'],
    ['::1', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['', 'unknown'],
    ['x'.repeat(9000), 'unknown'],
    ['192.0.2.1:4711', '192.0.2.1'],
    ['[2001:db8:1:2::5]:4711', '2001:db8:1:2'],
    ['[2001:db8:1:2::5]', '2001:db8:1:2'],
    ['::ffff:c633:6407', '198.51.100.7'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['[::ffff:192.0.2.1]:4711', '192.0.2.1'],
    [undefined, 'unknown']
  ] as const) t.equal(networkOf(ip), network, String(ip))
})
