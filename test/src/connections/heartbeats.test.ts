import t from 'tap'
import type { Connection } from '../../../src/connections/connection.js'
import { ConnectionManager, type ConnectionManagerOptions } from '../../../src/connections/connection-manager.js'
import { FakeTransport } from '../../support/fake-transport.js'
import { managerOptions } from '../../support/manager-options.js'
import { noReplay } from '../../support/replay.js'

/** A manager whose time goes on from 0, by 100 ms or in the `stepMs` given; `each` is called before every sweep. */
function setUp (options: Partial<ConnectionManagerOptions> = {}) {
  const connections = new ConnectionManager({ ...managerOptions, ...options })
  let now = 0
  connections.sweep(now)
  const pass = (until: number, each = () => {}, stepMs = 100) => {
    while (now < until) {
      now += stepMs
      each()
      connections.sweep(now)
    }
  }
  return { connections, pass }
}

function open (connections: ConnectionManager, userId = 'ada'): [Connection, FakeTransport] {
  const transport = new FakeTransport()
  const connection = connections.open({ userId, seesNames: true }, transport, 0)
  connection.welcome(noReplay(), 'none', 1, 0)
  connection.flush()
  return [connection, transport]
}

t.test('heartbeats come at their interval, with a ping', async (t) => {
  const { connections, pass } = setUp()
  const [connection, transport] = open(connections)

  for (const beats of [1, 2, 3]) {
    pass(beats * 1000, () => { connection.hear() })
    t.equal(transport.pings, beats)
  }

  t.strictSame(transport.types, ['connection_status', 'heartbeat', 'heartbeat', 'heartbeat'])
})

t.test('those who connect together are not beaten together', async (t) => {
  const { connections, pass } = setUp()
  const transports = Array.from({ length: 100 }, (_, i) => open(connections, `user-${i}`)[1])

  for (let step = 1; step <= 10; step++) {
    pass(step * 100)
    const beaten = transports.filter(({ pings }) => pings === 1).length
    t.ok(Math.abs(beaten - step * 10) <= 2, `${beaten} in ${step} of 10 steps`)
  }
})

t.test('a long interval is kept as a short one is, and a step that comes a little early or late is one', async (t) => {
  const { connections, pass } = setUp({ heartbeatIntervalMs: 25_000, heartbeatTimeoutMs: 10_000 })
  const [connection, transport] = open(connections)
  let early = 0

  for (const beats of [1, 2, 3, 4]) {
    for (let second = 1; second <= 25; second++) pass((beats - 1) * 25_000 + second * 1000 - (early = 7 - early), () => { connection.hear() }, 1)
    t.equal(transport.pings, beats)
  }
})

t.test('without heartbeats nothing is sent, and nobody is timed out', async (t) => {
  const { connections, pass } = setUp({ heartbeatIntervalMs: Number.MAX_SAFE_INTEGER })
  const transports = Array.from({ length: 50 }, () => open(connections)[1])

  pass(86_400_000, undefined, 1000)

  for (const { pings, closedWith } of transports) t.strictSame([pings, closedWith], [0, undefined])
})

t.test('who waits for his welcome is not silent, however long that takes', async (t) => {
  const { connections, pass } = setUp()
  const transport = new FakeTransport()
  const connection = connections.open({ userId: 'ada', seesNames: true }, transport, 0)

  pass(10_000)
  t.strictSame([transport.pings, transport.closedWith], [0, undefined])
  connection.welcome(noReplay(), 'none', 1, 0)
  connection.flush()
  pass(11_000)
  t.strictSame([transport.pings, transport.closedWith], [1, undefined])
  pass(14_000)
  t.equal(transport.closedWith, 4002)
})

t.test('whenever a welcome comes, a heartbeat comes before the end', async (t) => {
  for (let welcomedAt = 100; welcomedAt <= 3000; welcomedAt += 100) {
    const { connections, pass } = setUp({ heartbeatTimeoutMs: 200 })
    const transport = new FakeTransport()
    const connection = connections.open({ userId: 'ada', seesNames: true }, transport, 0)

    pass(welcomedAt)
    connection.welcome(noReplay(), 'none', 1, 0)
    connection.flush()
    pass(welcomedAt + 5000)

    t.strictSame([transport.pings > 0, transport.closedWith], [true, 4002], `after ${welcomedAt} ms`)
  }
})

t.test('a connection that is silent for the interval and the time-out is ended and forgotten, never before', async (t) => {
  const ends: number[] = []
  const { connections, pass } = setUp({ onEnd: (_connection, { code }) => { ends.push(code) } })
  const silent = Array.from({ length: 10 }, () => open(connections)[1])
  const [talking, alive] = open(connections, 'ben')
  const [, uploading] = open(connections, 'cem')
  const live = () => {
    talking.hear()
    uploading.receivedBytes++
  }

  pass(1400, live)
  for (const { closedWith } of silent) t.equal(closedWith, undefined)
  pass(1500, live)

  for (const { closedWith, terminated } of silent) t.strictSame([closedWith, terminated], [4002, true])
  t.equal(alive.closedWith, undefined)
  t.equal(uploading.closedWith, undefined)
  t.strictSame(connections.getConnectedUsers(), ['ben', 'cem'])
  t.strictSame(ends, Array(10).fill(4002))

  pass(4000)
  t.strictSame(connections.getConnectedUsers(), [])
})

for (const heartbeatTimeoutMs of [0, 130, 400, 1000, 2700]) {
  t.test(`a time-out of ${heartbeatTimeoutMs} ms, whenever it was heard last`, async (t) => {
    const most = Math.ceil(heartbeatTimeoutMs / 100) * 100 + 1100
    for (let heard = 0; heard <= 2500; heard += 100) {
      const { connections, pass } = setUp({ heartbeatTimeoutMs })
      const [connection, transport] = open(connections)
      pass(heard, () => { connection.hear() })
      connection.hear()

      pass(heard + most - 100)
      t.equal(transport.closedWith, undefined)
      pass(heard + most)
      t.equal(transport.closedWith, 4002)
    }
  })
}

t.test('who answers every ping stays, however long', async (t) => {
  const { connections, pass } = setUp({ heartbeatTimeoutMs: 300 })
  const clients = Array.from({ length: 20 }, () => open(connections))
  const answered = clients.map(() => 0)

  pass(20_000, () => {
    for (const [i, [connection, { pings }]] of clients.entries()) {
      if (pings > (answered[i] ?? 0)) connection.hear()
      answered[i] = pings
    }
  })

  for (const [, { closedWith }] of clients) t.equal(closedWith, undefined)
})

t.test('nobody who answers is ended after a pause, however short the time-out is', async (t) => {
  for (const [heartbeatIntervalMs, heartbeatTimeoutMs] of [[25_000, 10_000], [60_000, 5000], [60_000, 1000], [30_000, 3000], [1000, 100]] as const) {
    const connections = new ConnectionManager({ ...managerOptions, heartbeatIntervalMs, heartbeatTimeoutMs })
    const opened = Array.from({ length: 100 }, () => open(connections))
    const answered = opened.map(() => 0)
    const sweepMs = Math.min(1000, heartbeatIntervalMs / 10)
    let now = 0
    const sweep = (ms: number) => {
      now += ms
      connections.sweep(now)
      for (const [i, [connection, { pings }]] of opened.entries()) { // Between two sweeps there is time to answer.
        if (pings > (answered[i] ?? 0)) connection.hear()
        answered[i] = pings
      }
    }

    for (let i = 0; i < 100; i++) sweep(sweepMs)
    sweep(30_000)
    for (let i = 0; i < 100; i++) sweep(sweepMs)

    t.strictSame(opened.filter(([, { closedWith }]) => closedWith !== undefined).length, 0, `${heartbeatIntervalMs}, ${heartbeatTimeoutMs}`)
  }
})

t.test('a pause of the whole process, or a clock that jumps, ends nobody', async (t) => {
  const { connections } = setUp()
  const [, transport] = open(connections)

  connections.sweep(3_600_000)
  connections.sweep(0)

  t.equal(transport.closedWith, undefined)
})
