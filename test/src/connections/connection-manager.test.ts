import t from 'tap'
import { ConnectionManager } from '../../../src/connections/connection-manager.js'
import type { Notification, Replay } from '../../../src/broker/broker.js'
import type { Connection } from '../../../src/connections/connection.js'
import { textFrame } from '../../../src/protocol/text-frame.js'
import { FakeTransport } from '../../support/fake-transport.js'
import { managerOptions } from '../../support/manager-options.js'
import { noReplay, replayOf } from '../../support/replay.js'
import { turn, turns } from '../../support/turn.js'

const notification = (seq: number, more: Partial<Notification> = {}): Notification => ({
  seq, id: `e-${seq}`, userId: 'ada', excludeUser: null, frame: textFrame(`{"type":"notification","id":"e-${seq}"}`), ...more
})

/** A connection that has been welcomed, so that it gets live traffic. */
async function open (connections: ConnectionManager, userId: string | null, transport = new FakeTransport()): Promise<[Connection, FakeTransport]> {
  const connection = connections.open({ userId, seesNames: true }, transport, 0)
  connection.welcome(noReplay(), 'none', 1, 0)
  await turn()
  return [connection, transport]
}

/** So many users that their names do not fit into one write. */
function openCrowd (connections: ConnectionManager): void {
  for (let i = 0; i < 1000; i++) connections.open({ userId: `${i}`.padEnd(100, '.'), seesNames: false }, new FakeTransport(), 0)
}

t.test('a personal notification goes to all sockets of its user and to nobody else', async (t) => {
  const connections = new ConnectionManager(managerOptions)
  const [, first] = await open(connections, 'ada')
  const [, second] = await open(connections, 'ada')
  const [, other] = await open(connections, 'ben')
  const [, anonymous] = await open(connections, null)

  t.strictSame(await connections.deliver(notification(1)), { connections: 2, users: 1 })

  for (const transport of [first, second]) t.match(transport.sent.at(-1), { type: 'notification', id: 'e-1' })
  for (const transport of [other, anonymous]) t.strictSame(transport.types, ['connection_status'])
})

t.test('a broadcast goes to everybody but the excluded user', async (t) => {
  const connections = new ConnectionManager(managerOptions)
  const transports = await Promise.all(['ada', 'ben', 'ben', null].map(async (userId) => (await open(connections, userId))[1]))
  const [, admin] = await open(connections, 'admin')

  t.strictSame(await connections.deliver(notification(1, { userId: null, excludeUser: 'admin' })), { connections: 4, users: 2 })

  for (const transport of transports) t.match(transport.sent.at(-1), { type: 'notification' })
  t.strictSame(admin.types, ['connection_status'])
})

t.test('a slow client is ended, the others still get the frame', async (t) => {
  const connections = new ConnectionManager(managerOptions)
  const [, slow] = await open(connections, 'ada')
  const [, fast] = await open(connections, 'ada')
  slow.bufferedBytes = managerOptions.maxBufferedBytes + 1

  t.strictSame(await connections.deliver(notification(1)), { connections: 1, users: 1 })

  t.equal(slow.closedWith, 4001)
  t.match(fast.sent.at(-1), { type: 'notification' })
  t.equal(connections.getUserConnectionsCount('ada'), 1)
})

t.test('what arrives before the welcome is read from the journal, once, in order', async (t) => {
  const connections = new ConnectionManager(managerOptions)
  const transport = new FakeTransport()
  const connection = connections.open({ userId: 'ada', seesNames: true }, transport, 0)
  t.ok(transport.paused)
  const missed = [notification(4), notification(5), notification(6)]
  for (const one of missed.slice(1)) connections.deliver(one)

  connection.welcome(replayOf(missed, { after: 3, perPage: 2 }), 'caught_up', 1, 0)
  await turns(8)
  connections.deliver(notification(7))
  await turn()

  t.strictSame(transport.sent.map(({ type, id }) => id ?? type), ['connection_status', 'e-4', 'e-5', 'e-6', 'e-7'])
  t.notOk(transport.paused)
})

t.test('the close frame of the peer is read, also where the welcome never came', async (t) => {
  const connections = new ConnectionManager(managerOptions)
  const transport = new FakeTransport()
  const connection = connections.open({ userId: 'ada', seesNames: true }, transport, 0)

  connection.close('internal_error')

  t.equal(transport.closedWith, 1011)
  t.notOk(transport.paused)
})

t.test('who asks for no replay gets all that came since he joined', async (t) => {
  const connections = new ConnectionManager(managerOptions)
  const transport = new FakeTransport()
  const connection = connections.open({ userId: 'ada', seesNames: true }, transport, 0)
  const reach = connections.deliver(notification(5))

  connection.welcome(replayOf([notification(4), notification(5)], { after: 5 }), 'none', 1, 0)
  await turns(4)

  t.strictSame(await reach, { connections: 1, users: 1 })
  t.match(transport.sent[0], { data: { last_event_id: 'e-4' } }, 'the newest when he joined, though the journal was asked later')
  t.strictSame(transport.sent.map(({ type, id }) => id ?? type), ['connection_status', 'e-5'])
})

t.test('what the journal has answered before it had to be read anew is not gone by', async (t) => {
  for (const after of [10, undefined]) {
    const connections = new ConnectionManager(managerOptions)
    const transport = new FakeTransport()
    const connection = connections.open({ userId: 'ada', seesNames: true }, transport, 0)

    if (after === undefined) connections.welcomeAnew(() => replayOf([]), 0)
    else connections.rejoinAll(() => replayOf([]).read, after)
    t.equal(connection.welcome(noReplay(10), 'none', 1, 0), false)
    t.strictSame(transport.types, [])
    t.equal(connection.welcome(noReplay(11), 'none', 1, 0), true)
    await turns(2)
    await connections.deliver(notification(12))

    t.match(transport.sent, [{ data: { last_event_id: 'e-11' } }, { id: 'e-12' }])
  }
})

t.test('who is being replayed to is counted once for each notification', async (t) => {
  const connections = new ConnectionManager(managerOptions)
  connections.open({ userId: 'ada', seesNames: true }, new FakeTransport(), 0)

  const broadcast = connections.deliver({ ...notification(1), userId: null })
  const personal = connections.deliver(notification(2))

  t.strictSame(await Promise.all([broadcast, personal]), [{ connections: 1, users: 1 }, { connections: 1, users: 1 }])
})

t.test('a personal notification that was read from the journal before it comes by itself is counted, and not sent again', async (t) => {
  const connections = new ConnectionManager(managerOptions)
  const transport = new FakeTransport()
  connections.open({ userId: 'ada', seesNames: true }, transport, 0).welcome(replayOf([notification(4)], { after: 3 }), 'caught_up', 1, 0)
  await turns(4)

  t.strictSame(await connections.deliver(notification(3)), { connections: 0, users: 0 }, 'he came later')
  t.strictSame(await connections.deliver(notification(4)), { connections: 1, users: 1 })
  t.strictSame(await connections.deliver(notification(5)), { connections: 1, users: 1 })
  t.strictSame(transport.sent.map(({ type, id }) => id ?? type), ['connection_status', 'e-4', 'e-5'])
})

t.test('a replay goes at the pace of its reader, and never over the bound', async (t) => {
  const connections = new ConnectionManager(managerOptions)
  const transport = new FakeTransport()
  const connection = connections.open({ userId: 'ada', seesNames: true }, transport, 0)
  const missed = Array.from({ length: 100 }, (_, i) => notification(i + 1))
  transport.takesMore = false

  connection.welcome(replayOf(missed, { perPage: 10 }), 'caught_up', 1, 0)
  await turns(10)
  t.strictSame(transport.types, ['connection_status'], 'nothing is read for who does not read')
  for (let i = 0; i < 30; i++) {
    transport.drain()
    await turns(2)
  }

  t.equal(transport.closedWith, undefined)
  t.strictSame(transport.sent.slice(1).map(({ id }) => id), missed.map(({ id }) => id))
})

t.test('who was not told of what left the journal during his replay is told, and goes on from where he is', async (t) => {
  let gaps = 0
  const connections = new ConnectionManager({ ...managerOptions, onGap: () => { gaps++ } })
  const transport = new FakeTransport()
  const connection = connections.open({ userId: 'ada', seesNames: true }, transport, 0)
  const before = replayOf([notification(1)])
  const anew = replayOf([notification(3), notification(4)], { after: 1, gap: true })
  const read: Replay['read'] = async (after, maxBytes) => ({ ...await before.read(after, maxBytes), gap: after === 0 ? undefined : anew, complete: false })
  connection.welcome({ ...before, read }, 'caught_up', 1, 0)
  await turns(8)
  await connections.deliver(notification(5))
  await turns(2)

  t.equal(transport.closedWith, undefined)
  t.strictSame(transport.sent.map(({ type, id }) => id ?? type), ['connection_status', 'e-1', 'connection_status', 'e-3', 'e-4', 'e-5'])
  t.match(transport.sent[2]?.data, { resume: 'gap', replayed: 2, last_event_id: 'e-4' })
  t.equal(gaps, 1)
})

t.test('who cannot be replayed to is ended with 1011', async (t) => {
  const failed: unknown[] = []
  const connections = new ConnectionManager({ ...managerOptions, onFailed: (_connection, error) => { failed.push(error) } })
  const transport = new FakeTransport()
  const error = new Error('the journal cannot be read')

  connections.open({ userId: 'ada', seesNames: true }, transport, 0)
    .welcome({ ...replayOf([notification(1)]), read: async () => { throw error } }, 'caught_up', 1, 0)
  await turns(4)

  t.equal(transport.closedWith, 1011)
  t.strictSame(failed, [error])
})

t.test('limits', async (t) => {
  const connections = new ConnectionManager({ ...managerOptions, maxConnections: 3, maxConnectionsPerUser: 2 })
  await open(connections, 'ada')
  const [second] = await open(connections, 'ada')

  t.throws(() => { connections.admit('ada') }, { code: 'too_many_connections' })
  connections.admit('ben')
  await open(connections, null)
  t.throws(() => { connections.admit('ben') }, { code: 'server_full' })

  connections.closed(second, 1000, '')
  connections.admit('ada')
})

t.test('a connection ends once, whoever ends it', async (t) => {
  const ends: unknown[] = []
  const connections = new ConnectionManager({ ...managerOptions, onEnd: (_connection, end) => { ends.push(end) } })
  const [connection] = await open(connections, 'ada')

  connection.close('disconnect')
  connection.close('internal_error')
  connections.closed(connection, 1000, '')
  connections.closed(connection, 1006, '')

  t.match(ends, [{ code: 1000 }])
  t.equal(ends.length, 1)
  t.match(JSON.parse((await connections.stats(0)).toString()), { total_connections: 0, users_count: 0, connected_users: [] })
})

t.test('a list of names has a bound, the counts are whole', async (t) => {
  const connections = new ConnectionManager({ ...managerOptions, maxConnections: 20_000 })
  for (let i = 0; i < 10_001; i++) await open(connections, `user-${i}`)

  const { connected_users: names, ...counts } = JSON.parse((await connections.stats(5000)).toString())

  t.equal(names.length, 10_000)
  t.strictSame(counts, { total_connections: 10_001, users_count: 10_001, truncated: true })
})

t.test('who opens and closes without the handshake is let in again when that is over, and takes nobody else\'s place', async (t) => {
  const connections = new ConnectionManager({ ...managerOptions, maxConnectionsPerUser: 2 })
  const closing: Connection[] = []
  for (let i = 0; i < 4; i++) {
    connections.admit('ada')
    const [connection] = await open(connections, 'ada')
    connection.close('disconnect')
    closing.push(connection)
  }

  t.throws(() => { connections.admit('ada') }, { code: 'too_many_connections' })
  connections.admit('ben')

  for (const connection of closing) connections.closed(connection, 1000, '')
  for (const connection of closing) connections.closed(connection, 1000, '')
  connections.admit('ada')
})

t.test('a frame in parts is sent whole, or not at all, to who is closed for not reading it', async (t) => {
  const connections = new ConnectionManager(managerOptions)
  const [reader, transport] = await open(connections, 'reader')
  openCrowd(connections)
  transport.takesMore = false

  connections.sendStats(reader, 2000)
  await turn()
  connections.sendStats(reader, 2000)
  transport.bufferedBytes = managerOptions.maxBufferedBytes
  connections.sendStats(reader, 2000)

  t.equal(transport.closedWith, 4001)
  t.match(transport.sent.at(-1), { type: 'stats', data: { connected_users: { length: 1001 } } })
})

t.test('a frame in parts waits for a transport that is full, and nothing comes in its midst', async (t) => {
  for (const end of [(connection: Connection) => { connection.close('disconnect') }, (connection: Connection) => { connection.closed(1000, '') }, undefined]) {
    const connections = new ConnectionManager({ ...managerOptions, maxBufferedBytes: 1_000_000 })
    const [reader, transport] = await open(connections, 'reader')
    openCrowd(connections)
    transport.takesMore = false
    const { length } = transport.writes

    connections.sendStats(reader, 2000)
    reader.send({ type: 'pong', timestamp: '' })
    await turn()
    t.equal(transport.writes.length, length + 1)
    end?.(reader)
    transport.drain()

    t.strictSame(transport.types.slice(0, 2), ['connection_status', 'stats'])
  }
})
