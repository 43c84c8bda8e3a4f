import t from 'tap'
import type { Connection } from '../../../src/connections/connection.js'
import { ConnectionManager } from '../../../src/connections/connection-manager.js'
import { textFrame } from '../../../src/protocol/text-frame.js'
import { FakeTransport } from '../../support/fake-transport.js'
import { managerOptions } from '../../support/manager-options.js'
import { noReplay } from '../../support/replay.js'
import { turn } from '../../support/turn.js'

const WINDOW_MS = 8_000
const LEAD_MS = 1_000

interface Peer { connection: Connection, transport: FakeTransport }

/** So many users, of `tabs` sockets each. */
async function crowd (users: number, tabs = 1, { welcome = true } = {}): Promise<{ connections: ConnectionManager, peers: Peer[] }> {
  const connections = new ConnectionManager(managerOptions)
  const peers = Array.from({ length: users * tabs }, (_, i) => {
    const transport = new FakeTransport()
    const connection = connections.open({ userId: `user${Math.floor(i / tabs)}`, seesNames: false }, transport, 0)
    if (welcome) connection.welcome(noReplay(), 'none', 1, 0)
    return { connection, transport }
  })
  await turn()
  return { connections, peers }
}

const closedOf = (peers: Peer[]) => peers.filter(({ transport }) => transport.closedWith !== undefined)
const toldOf = ({ transport }: Peer) => transport.sent.filter(({ type }) => type === 'reconnect').map(({ data }) => (data as { after_ms: number }).after_ms)

t.test('everybody is told at once, evenly spread after a time for balancers, and is closed with 1001 when it was said', async (t) => {
  const { connections, peers } = await crowd(80)

  const drain = connections.stop(WINDOW_MS, 1000)
  t.notOk(drain.step(1000))
  await turn()

  const told = peers.map((peer) => toldOf(peer))
  t.strictSame(told.flat().sort((a, b) => a - b), Array.from({ length: 80 }, (_, i) => Math.round(LEAD_MS + i * 87.5)))
  t.strictSame(new Set(told.map(({ length }) => length)), new Set([1]))
  for (const elapsed of [0, 999, 1000, 1087, 1088, 4500, 7912, 7913]) {
    drain.step(1000 + elapsed)
    const closed = closedOf(peers)
    t.strictSame(closed, peers.filter((peer) => toldOf(peer).some((afterMs) => afterMs <= elapsed)), `after ${elapsed} ms`)
    for (const { transport } of closed) t.equal(transport.closedWith, 1001)
  }
})

t.test('the sockets of one user do not go together', async (t) => {
  const { connections, peers } = await crowd(20, 5)

  connections.stop(WINDOW_MS, 0).step(0)
  await turn()

  for (let user = 0; user < 20; user++) {
    const [first = 0, ...others] = peers.slice(user * 5, user * 5 + 5).flatMap(toldOf).sort((a, b) => a - b)
    others.reduce((before, next) => {
      t.ok(next - before >= (WINDOW_MS - LEAD_MS) / 21, `${before} and ${next}`)
      return next
    }, first)
  }
})

t.test('no step takes more than some, and who is told late is told so much less', async (t) => {
  const { connections, peers } = await crowd(2_000)

  const drain = connections.stop(WINDOW_MS, 0)
  for (let step = 1; step <= 4; step++) {
    drain.step(step)
    await turn()
    t.equal(peers.filter((peer) => toldOf(peer).length === 1).length, 500 * step)
  }
  t.equal(Math.max(...peers.flatMap(toldOf)), WINDOW_MS - 7)

  for (let step = 1; step <= 4; step++) {
    drain.step(WINDOW_MS)
    t.ok(closedOf(peers).length <= 500 * step + 4)
  }
})

t.test('until its close a connection gets what there is for it, in front of the close', async (t) => {
  const { connections, peers } = await crowd(2)
  const [first, second] = peers as [Peer, Peer]
  const drain = connections.stop(WINDOW_MS, 0)
  drain.step(0)
  drain.step(LEAD_MS)

  const delivered = connections.deliver({ seq: 1, id: 'e-1', userId: null, excludeUser: null, frame: textFrame('{"type":"notification"}') })
  const last = connections.deliver({ seq: 2, id: 'e-2', userId: 'user1', excludeUser: null, frame: textFrame('{"type":"notification"}') })
  drain.step(WINDOW_MS)

  t.match(await delivered, { connections: 1 })
  t.match(await last, { connections: 1 })
  t.strictSame(first.transport.types, ['connection_status', 'reconnect'])
  t.strictSame(second.transport.types, ['connection_status', 'reconnect', 'notification', 'notification'])
  t.equal(second.transport.closedWith, 1001)
})

t.test('one alone is closed when balancers have had their time; it is over when all have shaken hands', async (t) => {
  const { connections, peers } = await crowd(1)
  const [peer] = peers as [Peer]

  const drain = connections.stop(WINDOW_MS, 0)
  t.throws(() => { connections.admit(null) }, { code: 'shutting_down' })
  t.notOk(drain.step(LEAD_MS - 1))
  t.equal(peer.transport.closedWith, undefined)
  t.notOk(drain.step(LEAD_MS))
  t.equal(peer.transport.closedWith, 1001)
  connections.closed(peer.connection, 1001, '')

  t.ok(drain.step(LEAD_MS + 10))
  t.notOk(peer.transport.terminated)
  t.strictSame(toldOf(peer), [1])
})

t.test('those who leave by themselves are not waited for', async (t) => {
  const { connections, peers } = await crowd(10)
  const drain = connections.stop(WINDOW_MS, 0)
  drain.step(0)

  for (const { connection } of peers) connections.closed(connection, 1005, '')

  t.ok(drain.step(10))
})

t.test('those who do not shake hands are ended when the last have had their time', async (t) => {
  const { connections, peers } = await crowd(4)
  const drain = connections.stop(WINDOW_MS, 0)

  t.notOk(drain.step(WINDOW_MS))
  t.notOk(peers.some(({ transport }) => transport.terminated))
  t.ok(drain.step(WINDOW_MS * 1.05))

  t.ok(peers.every(({ transport }) => transport.terminated && transport.closedWith === 1001))
})

t.test('a stop that waits for nobody tells and ends all, in steps', async (t) => {
  const { connections, peers } = await crowd(2_000)

  const drain = connections.stop(0, 0)

  for (let step = 1; step <= 3; step++) t.notOk(drain.step(step))
  t.ok(drain.step(4))

  t.ok(peers.every((peer) => toldOf(peer).length === 1))
  t.ok(peers.every(({ transport }) => transport.terminated && transport.closedWith === 1001))
})

t.test('nobody is told anything before his first frame', async (t) => {
  const { connections, peers } = await crowd(2, 1, { welcome: false })
  const [peer, other] = peers as [Peer, Peer]
  const drain = connections.stop(WINDOW_MS, 0)

  drain.step(0)
  other.connection.welcome(noReplay(), 'none', 1, 0)
  drain.step(1000)
  await turn()

  t.strictSame(other.transport.types, ['connection_status', 'reconnect'])
  t.strictSame(toldOf(other), [LEAD_MS + (WINDOW_MS - LEAD_MS) / 2 - 1000])
  t.strictSame(peer.transport.types, [])
  t.equal(peer.transport.closedWith, 1001)
})

t.test('a second stop is the first', async (t) => {
  const { connections } = await crowd(1)

  t.equal(connections.stop(WINDOW_MS, 0), connections.stop(0, 5))
})
