import t from 'tap'
import { functionName, PREFIX } from '../../src/broker/redis/library.js'
import { addressOf, build, type Service } from '../support/app.js'
import { type Client, connect, refusal } from '../support/client.js'
import { type RedisServer, startRedis } from '../support/redis.js'
import { hasTool } from '../support/tools.js'
import { until } from '../support/wait.js'

if (!hasTool(t, 'redis')) process.exit()

const noClaims = ({ cli }: RedisServer) => () => cli('KEYS', `${PREFIX}claims:*`) === ''

/** How many sockets Redis was told of. */
const toldTo = ({ cli }: RedisServer): number => cli('HVALS', `${PREFIX}totals`).split('\n').reduce((sum, count) => sum + Number(count), 0)

/** Opens so many sockets of a user in the same instant, on one node after the other: those that were opened, and why the others were not. */
async function connectAtOnce (t: import('tap').Test, nodes: Service[], userId: string, count: number): Promise<[Client[], string[]]> {
  const addresses = nodes.map((node) => addressOf(node, userId))
  const settled = await Promise.allSettled(Array.from({ length: count }, async (_, i) => await connect(t, addresses[i % nodes.length] ?? '')))
  return [
    settled.flatMap((result) => result.status === 'fulfilled' ? [result.value] : []),
    settled.flatMap((result) => result.status === 'rejected' ? [String(result.reason)] : [])
  ]
}

t.test('the limit of connections of a user holds for all nodes, in whichever instant they are opened', async (t) => {
  const redis = await startRedis(t)
  const settings = { BROKER_URL: redis.url, MAX_CONNECTIONS_PER_USER: 5 }
  const nodes = [await build(t, settings), await build(t, settings), await build(t, settings)]

  const [opened, refused] = await connectAtOnce(t, nodes, 'ada', 30)

  t.equal(opened.length, 5)
  t.equal(refused.length, 25)
  for (const reason of refused) t.match(reason, /429/)
  for (const node of nodes) t.match(await refusal(addressOf(node, 'ada')), { status: 429, problem: { code: 'too_many_connections' } })
  for (const client of opened) t.match(await client.next(), { type: 'connection_status' })
  t.ok(noClaims(redis)(), 'who is welcome is told of')

  opened[0]?.socket.close()
  await opened[0]?.closed
  await until(() => toldTo(redis) === 4, 5_000)
  const [again] = await connectAtOnce(t, nodes, 'ada', 9)
  t.equal(again.length, 1)
})

t.test('as many as a user may have are opened at once, on one node or several, and on the same node again as soon as they are closed', async (t) => {
  const redis = await startRedis(t)
  const settings = { BROKER_URL: redis.url, MAX_CONNECTIONS_PER_USER: 10 }
  const one = await build(t, settings)
  const nodes = [one, await build(t, settings), await build(t, settings)]

  for (const some of [[one], [one], nodes]) {
    if (some === nodes) await until(() => toldTo(redis) === 0, 5_000)
    const [opened, refused] = await connectAtOnce(t, some, 'ada', 10)

    t.strictSame(refused, [])
    t.equal(opened.length, 10)
    for (const { socket } of opened) socket.close()
    await Promise.all(opened.map(async ({ closed }) => await closed))
  }
  await until(noClaims(redis), 3_000)
})

t.test('a place is held for as long as a socket is being opened, and for who opens none not at all', async (t) => {
  const redis = await startRedis(t)
  const node = await build(t, { BROKER_URL: redis.url, MAX_CONNECTIONS_PER_USER: 1, MAX_CONNECTIONS: 1 })
  redis.cli('FCALL', functionName('claim'), '1', `${PREFIX}journal`, 'eve', '1', 'of a node that died')
  t.match(await refusal(addressOf(node, 'eve')), { status: 429 })
  const ben = await connect(t, addressOf(node, 'ben'))
  await ben.next()

  for (let i = 0; i < 3; i++) {
    t.match(await refusal(addressOf(node, 'ada')), { status: 503, problem: { code: 'server_full' } }, 'it is given back')
    await until(() => redis.cli('EXISTS', `${PREFIX}claims:ada`) === '0', 3_000)
  }
  ben.socket.close()
  await ben.closed
  const ask = async () => (await fetch(addressOf(node, 'ada').replace('ws:', 'http:'))).status
  await until(async () => await ask() === 426, 3_000)
  t.strictSame(await Promise.all([ask(), ask(), ask()]), [426, 426, 426])
  t.equal(redis.cli('EXISTS', `${PREFIX}claims:ada`), '0')

  await until(noClaims(redis), 10_000)
  const eve = await connect(t, addressOf(node, 'eve'))
  t.match(await eve.next(), { type: 'connection_status' })
})
