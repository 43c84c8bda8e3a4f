import t from 'tap'
import { ConnectionManager } from '../../../src/connections/connection-manager.js'
import type { Connection } from '../../../src/connections/connection.js'
import { FakeTransport } from '../../support/fake-transport.js'
import { managerOptions } from '../../support/manager-options.js'

const options = { ...managerOptions, tokenGraceMs: 5000 }

function open (connections: ConnectionManager, expiresAt: number | undefined, now = 0): [Connection, FakeTransport] {
  const transport = new FakeTransport()
  return [connections.open({ userId: 'ada', seesNames: false, expiresAt }, transport, now), transport]
}

/** Sweeps every 50 ms, the first time after `from`; says when each connection was closed. */
function sweep (connections: ConnectionManager, transports: FakeTransport[], from: number, to: number): number[] {
  const closedAt = new Map<FakeTransport, number>()
  for (let now = from + 50; now <= to; now += 50) {
    connections.expire(now)
    for (const transport of transports) {
      if (transport.closedWith !== undefined && !closedAt.has(transport)) closedAt.set(transport, now)
    }
  }
  return [...closedAt.values()]
}

t.test('a connection is closed when its token has expired and the grace is over: never before, and soon after', async (t) => {
  const connections = new ConnectionManager(options)
  const [, short] = open(connections, 3000)
  const [, fraction] = open(connections, 3400)
  const [, long] = open(connections, 3_600_000)
  const [, never] = open(connections, undefined)

  t.strictSame(sweep(connections, [short], 0, 12_000), [8000])
  t.equal(short.closedWith, 4401)
  t.equal(fraction.closedWith, 4401)
  t.strictSame(sweep(connections, [long], 12_000, 3_610_000), [3_605_000])
  t.equal(never.closedWith, undefined)
  t.equal(connections.getTotalConnectionsCount(), 1)
})

t.test('without a grace it is closed at once, and one that was opened too late as well', async (t) => {
  const connections = new ConnectionManager({ ...options, tokenGraceMs: 0 })
  const [, first] = open(connections, 1000)
  t.strictSame(sweep(connections, [first], 0, 2000), [1000])

  const [, second] = open(connections, 1500, 2000)

  t.strictSame(sweep(connections, [second], 2000, 3000), [2050])
})

t.test('a fresh token takes the place of the one before, whether it lasts longer or not', async (t) => {
  const connections = new ConnectionManager(options)
  const [renewed, transport] = open(connections, 1000)
  const [shortened, other] = open(connections, 3_600_000)
  sweep(connections, [], 0, 4000)

  connections.renew(renewed, { userId: 'ada', seesNames: true, expiresAt: 20_000 })
  connections.renew(shortened, { userId: 'ada', seesNames: true, expiresAt: 2000 })

  t.ok(renewed.seesNames)
  t.strictSame(sweep(connections, [transport, other], 4000, 24_950), [7000])
  t.equal(transport.closedWith, undefined)
  t.strictSame(sweep(connections, [transport], 24_950, 26_000), [25_000])
})

t.test('one that is due, and one that has never an end, can be renewed too', async (t) => {
  const connections = new ConnectionManager(options)
  const [first, transport] = open(connections, 1000)
  const [second, other] = open(connections, undefined)
  connections.expire(5999)

  connections.renew(first, { userId: 'ada', seesNames: false })
  connections.renew(second, { userId: 'ada', seesNames: false, expiresAt: 3000 })

  t.strictSame(sweep(connections, [transport, other], 5999, 60_000), [8049])
  t.equal(transport.closedWith, undefined)
})

t.test('where many tokens expire together, the closes are spread', async (t) => {
  const connections = new ConnectionManager(options)
  const transports = Array.from({ length: 500 }, () => open(connections, 1000)[1])

  const closedAt = sweep(connections, transports, 0, 10_000)

  t.equal(closedAt.length, 500)
  t.equal(Math.min(...closedAt), 6000)
  t.equal(Math.max(...closedAt), 6950)
  for (let tick = 6000; tick <= 6950; tick += 50) t.equal(closedAt.filter((at) => at === tick).length, 25)
})

t.test('a clock that is put forward or back closes nobody before his time', async (t) => {
  const connections = new ConnectionManager(options)
  const [, first] = open(connections, 3_000_000)
  sweep(connections, [], 1_000_000, 1_001_000)

  t.strictSame(sweep(connections, [first], 0, 20_000), [], 'back')
  const [, second] = open(connections, 25_000)
  t.strictSame(sweep(connections, [second], 20_000, 40_000), [30_000])
  t.strictSame(sweep(connections, [first], 3_004_900, 3_006_000), [3_005_000], 'forward')
})
