import t from 'tap'
import type { Notification } from '../../../src/broker/broker.js'
import { Connection } from '../../../src/connections/connection.js'
import type { ConnectionOwner } from '../../../src/connections/connection-owner.js'
import { FanOut } from '../../../src/connections/fan-out.js'
import { UserIndex } from '../../../src/connections/user-index.js'
import { textFrame } from '../../../src/protocol/text-frame.js'
import { FakeTransport } from '../../support/fake-transport.js'
import { noReplay } from '../../support/replay.js'
import { turn } from '../../support/turn.js'

const notification = (seq: number, more: Partial<Notification> = {}): Notification => ({
  seq, id: `e-${seq}`, userId: null, excludeUser: null, frame: textFrame(`{"type":"notification","id":"e-${seq}"}`), ...more
})

const MAX_BUFFERED_BYTES = 1000

function setUp () {
  const users = new UserIndex()
  const fanOut = new FanOut(users)
  const owner: ConnectionOwner = {
    idPrefix: 'node',
    roster: users.roster,
    hear: () => false,
    limits: { maxBufferedBytes: MAX_BUFFERED_BYTES, maxErrors: 10, messageRate: 20 },
    catchUp: (connection) => { fanOut.catchUp(connection) },
    onQueued: (connection) => { fanOut.onQueued(connection) },
    onReadyForPage: () => {},
    onGap: () => {},
    onEnd: (connection) => { users.delete(connection) }
  }
  let serial = 0
  return {
    fanOut,
    users,
    async open (userId: string | null): Promise<{ connection: Connection, transport: FakeTransport }> {
      const transport = new FakeTransport()
      const connection = new Connection(owner, ++serial, { userId, seesNames: false }, transport, fanOut.lastSeq, 0)
      users.add(connection)
      connection.welcome(noReplay(fanOut.lastSeq), 'none', 1, 0)
      await turn()
      transport.writes = []
      return { connection, transport }
    }
  }
}

const ids = (transport: FakeTransport) => transport.sent.map(({ id, type }) => id ?? type)

t.test('the bytes of a broadcast are the same ones for every socket', async (t) => {
  const { fanOut, open } = setUp()
  const transports = await Promise.all(['ada', 'ben', null].map(async (userId) => (await open(userId)).transport))
  const broadcast = notification(1)

  t.strictSame(await fanOut.deliver(broadcast), { connections: 3, users: 2 })

  for (const { writes } of transports) t.ok(writes.length === 1 && writes[0] === broadcast.frame)
})

t.test('the broadcasts of a turn are joined once for everybody', async (t) => {
  const { fanOut, open } = setUp()
  const [first, second] = await Promise.all([open('ada'), open('ben')])

  const reaches = await Promise.all([1, 2, 3].map((seq) => fanOut.deliver(notification(seq))))

  t.strictSame(reaches, Array(3).fill({ connections: 2, users: 2 }))
  t.strictSame(ids(first.transport), ['e-1', 'e-2', 'e-3'])
  t.equal(first.transport.writes.length, 1)
  t.equal(first.transport.writes[0], second.transport.writes[0])
})

t.test('all that a socket is sent in one turn leaves in one write, in order', async (t) => {
  const { fanOut, open } = setUp()
  const { connection, transport } = await open('ada')

  connection.send({ type: 'pong', timestamp: '' })
  const delivered = [fanOut.deliver(notification(1)), fanOut.deliver(notification(2, { userId: 'ada' })), fanOut.deliver(notification(3))]
  connection.send({ type: 'heartbeat', timestamp: '' })
  delivered.push(fanOut.deliver(notification(4, { userId: 'ada' })))

  t.strictSame(await Promise.all(delivered), Array(4).fill({ connections: 1, users: 1 }))
  t.strictSame(ids(transport), ['pong', 'e-1', 'e-2', 'e-3', 'heartbeat', 'e-4'])
  t.equal(transport.writes.length, 1)
})

t.test('who is excluded from one of several gets the others', async (t) => {
  const { fanOut, open } = setUp()
  const [ada, ben] = await Promise.all([open('ada'), open('ben')])

  const reaches = await Promise.all([
    fanOut.deliver(notification(1, { excludeUser: 'ada' })), fanOut.deliver(notification(2)), fanOut.deliver(notification(3, { excludeUser: 'ben' }))
  ])

  t.strictSame(reaches, [{ connections: 1, users: 1 }, { connections: 2, users: 2 }, { connections: 1, users: 1 }])
  t.strictSame(ids(ada.transport), ['e-2', 'e-3'])
  t.strictSame(ids(ben.transport), ['e-1', 'e-2'])
})

t.test('a broadcast yields, and what is sent meanwhile comes after it, once', async (t) => {
  const { fanOut, open } = setUp()
  const all = await Promise.all(Array.from({ length: 3000 }, (_, i) => open(`user-${i}`)))
  const idsOf = (i: number) => all[i]?.transport.sent.map(({ id }) => id)

  const broadcast = fanOut.deliver(notification(1))
  await turn()
  t.strictSame([idsOf(0), idsOf(2999)], [['e-1'], []], 'it is on its way')
  t.strictSame(await fanOut.deliver(notification(2, { userId: 'user-2999' })), { connections: 1, users: 1 })
  t.strictSame(idsOf(2999), ['e-1', 'e-2'], 'a personal notification does not wait for the whole broadcast, but follows it')
  t.strictSame(idsOf(2998), [])

  t.strictSame(await broadcast, { connections: 3000, users: 3000 })
  t.ok(all.every(({ transport }) => ids(transport).filter((id) => id === 'e-1').length === 1))
})

t.test('the places of those who have gone take no time of a broadcast', async (t) => {
  const { fanOut, users, open } = setUp()
  const all = await Promise.all(Array.from({ length: 3000 }, (_, i) => open(`user-${i}`)))
  for (const { connection } of all.slice(1, -1)) connection.closed(1000, '')

  const broadcast = fanOut.deliver(notification(1))
  await turn()

  t.strictSame(ids(all.at(-1)?.transport ?? new FakeTransport()), ['e-1'], 'one turn is enough')
  t.strictSame(await broadcast, { connections: 2, users: 2 })
  t.equal(users.size, 2)
})

t.test('a broadcast that the journal is lost in the midst of says to how many it was handed', async (t) => {
  const { fanOut, users, open } = setUp()
  const all = await Promise.all(Array.from({ length: 3000 }, (_, i) => open(`user-${i % 2000}`)))
  const broadcasts = [fanOut.deliver(notification(1)), fanOut.deliver(notification(2))]
  await turn()

  users.forEach((connection) => { fanOut.catchUp(connection) })
  fanOut.reset()
  for (const { connection } of all) connection.flush()

  t.strictSame(await Promise.all(broadcasts), Array(2).fill({ connections: 3000, users: 2000 }))
  t.ok(all.every(({ transport }) => ids(transport).join() === 'e-1,e-2'))
})

t.test('a user with many sockets is one user, early or late', async (t) => {
  const { fanOut, open } = setUp()
  const [first] = await Promise.all([open('ada'), open('ada'), open('ben')])

  const broadcast = fanOut.deliver(notification(1))
  first.connection.send({ type: 'pong', timestamp: '' })
  fanOut.catchUp(first.connection)

  t.strictSame(await broadcast, { connections: 3, users: 2 })
})

t.test('a connection that joins during a broadcast does not get what was before it', async (t) => {
  const { fanOut, users, open } = setUp()
  await Promise.all(Array.from({ length: 1000 }, (_, i) => open(`user-${i}`)))
  const broadcast = fanOut.deliver(notification(1))

  const { transport } = await open('late')

  t.strictSame(await broadcast, { connections: 1000, users: 1000 })
  t.strictSame(ids(transport), [])
  t.equal(users.userCount, 1001)
})

t.test('while a broadcast is on its way sockets come in the place of others: who was there and stays gets it once, and a user counts once', async (t) => {
  const { fanOut, open } = setUp()
  const ada = await open('ada')
  const others = await Promise.all(Array.from({ length: 1200 }, (_, i) => open(`user-${i}`)))
  const adaToo = await open('ada')

  const broadcast = fanOut.deliver(notification(1, { excludeUser: 'user-1100' }))
  await turn()
  for (const gone of [ada, others[1150], others[1100]]) gone?.connection.closed(1006, '')
  const late = await Promise.all(['late-1', 'late-2', 'late-3', null].map(open))

  t.strictSame(await broadcast, { connections: 1200, users: 1199 })
  t.ok(others.every(({ transport }, i) => ids(transport).length === (i === 1150 || i === 1100 ? 0 : 1)))
  t.strictSame([ada, adaToo].map(({ transport }) => ids(transport)), [['e-1'], ['e-1']])
  t.ok(late.every(({ transport }) => transport.sent.length === 0))
  t.strictSame([ada.connection.framesOut, adaToo.connection.framesOut, late[0]?.connection.framesOut], [2, 2, 1], 'with the first frame')

  t.strictSame(await fanOut.deliver(notification(2)), { connections: 1203, users: 1202 })
})

t.test('a stalled reader is closed with 4001 over the bound, what waited is let go, the others get everything', async (t) => {
  const { fanOut, users, open } = setUp()
  const [stalled, reader] = await Promise.all([open('ada'), open('ben')])
  stalled.transport.takesMore = false

  for (let seq = 1; seq <= 100; seq++) await fanOut.deliver(notification(seq))

  t.equal(stalled.transport.closedWith, 4001)
  t.equal(stalled.transport.writes.length, 1, 'the frames that waited were not written')
  t.equal(users.countOf('ada'), 0)
  t.equal(ids(reader.transport).length, 100)
})

t.test('a frame that is larger than all that may wait reaches who waits for nothing, and not who has not read it yet', async (t) => {
  const { fanOut, open } = setUp()
  const [ada, ben] = await Promise.all([open('ada'), open('ben')])
  const large = (seq: number, userId: string) => notification(seq, { userId, frame: textFrame(JSON.stringify({ type: 'notification', id: `e-${seq}`, data: 'x'.repeat(MAX_BUFFERED_BYTES) })) })
  ben.transport.takesMore = false

  for (const userId of ['ada', 'ben']) await fanOut.deliver(large(1, userId))
  ben.transport.bufferedBytes = 1
  for (const userId of ['ada', 'ben']) await fanOut.deliver(large(2, userId))

  t.strictSame(ids(ada.transport), ['e-1', 'e-2'])
  t.equal(ada.transport.closedWith, undefined)
  t.equal(ben.transport.closedWith, 4001)
})

t.test('more than may wait, all in one turn, reaches who takes it', async (t) => {
  const { fanOut, open } = setUp()
  const [ada, ben] = await Promise.all([open('ada'), open('ben')])
  ben.transport.takesMore = false

  const reaches = await Promise.all(Array.from({ length: 100 }, (_, i) => fanOut.deliver(notification(i + 1, { userId: i % 2 === 0 ? 'ada' : 'ben' }))))
  await Promise.all(Array.from({ length: 100 }, (_, i) => fanOut.deliver(notification(i + 101))).concat(fanOut.deliver(notification(201, { userId: 'ada' }))))

  t.strictSame(reaches.filter((_, i) => i % 2 === 0), Array(50).fill({ connections: 1, users: 1 }))
  t.equal(ada.transport.closedWith, undefined)
  t.strictSame(ids(ada.transport), [...Array.from({ length: 50 }, (_, i) => `e-${2 * i + 1}`), ...Array.from({ length: 101 }, (_, i) => `e-${i + 101}`)])
  t.equal(ben.transport.closedWith, 4001)
})

t.test('a slow reader that goes on reading gets what waited, joined, in order', async (t) => {
  const { fanOut, open } = setUp()
  const { transport } = await open('ada')
  transport.takesMore = false
  for (let seq = 1; seq <= 10; seq++) await fanOut.deliver(notification(seq))
  t.strictSame(ids(transport), ['e-1'])

  transport.drain()

  t.strictSame(ids(transport), Array.from({ length: 10 }, (_, i) => `e-${i + 1}`))
  t.equal(transport.writes.length, 2)
})

t.test('a close comes behind what was queued', async (t) => {
  const { open } = setUp()
  const { connection, transport } = await open('ada')

  connection.send({ type: 'pong', timestamp: '' })
  connection.close('disconnect')

  t.strictSame(ids(transport), ['pong'])
  t.equal(transport.closedWith, 1000)
})
