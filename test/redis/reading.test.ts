import t from 'tap'
import { functionName, PREFIX, REMOVE_AT_ONCE } from '../../src/broker/redis/library.js'
import { encodeNotification } from '../../src/protocol/server-frames.js'
import { addressOf, build } from '../support/app.js'
import { connect } from '../support/client.js'
import { startRedis } from '../support/redis.js'
import { isReady } from '../support/rest.js'
import { hasTool } from '../support/tools.js'
import { until } from '../support/wait.js'

if (!hasTool(t, 'redis')) process.exit()

const LATER = String(Date.now() + 3_600_000)
const DAY_MS = '86400000'
const LIMITS = ['1000', '10000']

/** A journal with what is sent to these users, for a minute each, and the functions that read it. */
async function setUp (users: string[]) {
  const redis = await startRedis(t)
  const { app } = await build(t, { BROKER_URL: redis.url })
  await Promise.all(users.map(async (user) => await app.notifications.sendToUser(user, { notificationType: 'info', data: {}, ttl: 60 })))
  const call = (name: string, ...args: string[]) => redis.cli('FCALL', functionName(name), '1', `${PREFIX}journal`, ...args).split('\n')
  call('hello', 'node', '', '', '0', '0', '1')
  const [epoch = '', seq = ''] = call('survey', 'node', 'ben', LATER, DAY_MS, ...LIMITS, '', '0')
  return {
    gapFor: (user: string, after: string) => call('survey', 'node', user, LATER, DAY_MS, ...LIMITS, epoch, after)[2],
    read: (user: string, now: string, maxBytes = 65_536) => call('read', epoch, user, now, '0', String(maxBytes), '0'),
    /** Whose ends last, and whether it is still there. */
    last: () => redis.cli('ZRANGE', `${PREFIX}expiry`, '-1', '-1').split(':')[1] ?? '',
    isThere: (user: string) => redis.cli('EXISTS', `${PREFIX}n:${user}`) === '1',
    seq
  }
}

t.test('of much that has just ended, only who could have missed some is told of a gap, also of what is not removed yet', async (t) => {
  const { gapFor, last, isThere, seq } = await setUp(Array.from({ length: 5 * REMOVE_AT_ONCE }, (_, i) => `user${i}`))
  const user = last()

  t.equal(gapFor('ben', seq), '0')
  t.equal(gapFor(user, '0'), '1')
  t.ok(isThere(user))
})

t.test('what has ended and is still there is not read, and is said to be missing', async (t) => {
  const { read } = await setUp(['ada'])

  t.match(read('ada', '0'), [/./, '1', '1', '0', '1', /^"notification_type":"info"/])
  const [, last, complete, gap, ...found] = read('ada', LATER)
  t.strictSame([last, complete, gap, found.join('')], ['1', '1', '1', ''])
  t.equal(read('ben', LATER)[3], '0')
})

t.test('a page has frames of no more bytes than it may, and one at least', async (t) => {
  const { read } = await setUp(['ada', 'ada', 'ada'])
  const pageOf = (maxBytes: number) => {
    const [epoch, , complete, , ...found] = read('ada', '0', maxBytes)
    const frames = found.flatMap((tail, i) => i % 2 === 0 ? [] : encodeNotification(`${epoch}-${found[i - 1]}`, tail))
    return { count: frames.length, bytes: frames.reduce((sum, { length }) => sum + length, 0), complete: complete === '1' }
  }
  const all = pageOf(65_536)
  t.match(all, { count: 3, complete: true })

  t.match(pageOf(1), { count: 1, complete: false })
  for (let maxBytes = all.bytes / 3; maxBytes < all.bytes + 30; maxBytes++) {
    const { bytes, count, complete } = pageOf(maxBytes)
    if (bytes > maxBytes || complete !== (count === 3)) t.fail(`${count} frames of ${bytes} bytes for ${maxBytes}`)
  }
  t.equal(pageOf(all.bytes + 30).count, 3)
})

t.test('pages follow each other without a hole, of what is for all and of what is his', async (t) => {
  const redis = await startRedis(t)
  const { app } = await build(t, { BROKER_URL: redis.url })
  const ids: string[] = []
  for (let i = 0; i < 200; i++) {
    const input = { notificationType: 'info', data: { text: 'x'.repeat(i % 50 === 0 ? 5000 : 1) } }
    const { id } = i % 3 === 0 ? await app.notifications.sendToUser(i % 2 === 0 ? 'ada' : 'ben', input) : await app.notifications.broadcast({ ...input, excludeUser: i % 5 === 0 ? 'ada' : 'eve' })
    if (i % 3 === 0 ? i % 2 === 0 : i % 5 !== 0) ids.push(id)
  }

  for (const maxBytes of [1, 6000, 20_000, 1_000_000]) {
    const { read } = await app.heraldBroker.replay('ada', ids[0])
    const found = [ids[0]]
    for (let after = Number(ids[0]?.split('-')[1]), complete = false; !complete;) {
      const page = await read(after, maxBytes)
      found.push(...page.notifications.map(({ id }) => id))
      after = page.lastSeq
      complete = page.complete
    }
    t.strictSame(found, ids, `${maxBytes}`)
  }
})

t.test('who was told of a gap hears of no other before something goes that came after that', async (t) => {
  const redis = await startRedis(t)
  const { app } = await build(t, { BROKER_URL: redis.url, RETENTION_PER_USER: 4 })
  const epoch = redis.cli('HGET', `${PREFIX}journal`, 'epoch')
  const send = async (count: number) => {
    for (let i = 0; i < count; i++) await app.notifications.sendToUser('ada', { notificationType: 'info', data: {} })
  }
  const gap = (after: string, told: string) => redis.cli('FCALL', functionName('read'), '1', `${PREFIX}journal`, epoch, 'ada', '0', after, '65536', told).split('\n')[3]

  await send(10)
  t.strictSame([gap('0', '0'), gap('0', '10'), gap('9', '0')], ['1', '0', '0'])
  await send(4)
  t.equal(gap('0', '10'), '0')
  await send(4)
  t.strictSame([gap('0', '10'), gap('9', '10'), gap('17', '10')], ['1', '1', '0'])
})

t.test('many who come back from before all that is kept do not hold up Redis', async (t) => {
  const redis = await startRedis(t)
  const node = await build(t, { BROKER_URL: redis.url, MAX_CONNECTIONS_PER_USER: 0 })
  const broadcasts = 5_000
  for (let i = 0; i < broadcasts; i += 100) await Promise.all(Array.from({ length: 100 }, async () => await node.app.notifications.broadcast({ notificationType: 'info', data: { i } })))
  redis.cli('CONFIG', 'RESETSTAT')

  const clients = await Promise.all(Array.from({ length: 40 }, async (_, i) => await connect(t, `${addressOf(node, `user${i}`)}&last_event_id=x-1`)))
  for (const client of clients) t.match(await client.next(), { data: { resume: 'gap', replayed: broadcasts } })
  t.ok(await isReady(node))
  t.equal((await node.post('/notify/eve', { notification_type: 'info', message: {} })).status, 200)
  await until(() => clients.every(({ frames }) => frames.length > broadcasts), 60_000)
  t.ok(await isReady(node))
})
