import { hasTool } from '../../scripts/tools.js'
import { RedisProcess } from '../measure/redis-process.js'
import { summariseAll } from '../measure/statistics.js'
import { shown, table } from '../report/tables.js'

const USERS = 10_000
const PUBLISHES = 20_000
const AT_ONCE = 500

/** The two ways in which Redis could know where a notification goes, as bare commands. */
const ways = {
  'a channel for each user': {
    async join ({ receiver }) {
      await inBatches(USERS, async (user) => await receiver.subscribe(`channel:${user}`))
    },
    async publish ({ commands }) {
      await inBatches(PUBLISHES, async (i) => await commands.publish(`channel:${i % USERS}`, payload))
    },
    async leave ({ receiver }) {
      await inBatches(USERS, async (user) => await receiver.unsubscribe(`channel:${user}`))
    }
  },
  'a channel for each node, and a table of users': {
    async join ({ commands, receiver }) {
      await receiver.subscribe('to:node')
      await inBatches(USERS, async (user) => await commands.hset('users', `u${user}`, 'node=1'))
    },
    async publish ({ commands }) {
      await inBatches(PUBLISHES, async (i) => await commands.eval('return redis.call("PUBLISH", "to:" .. string.match(redis.call("HGET", "users", ARGV[1]), "^[^=]+"), ARGV[2])', 0, `u${i % USERS}`, payload))
    },
    async leave ({ commands }) {
      await inBatches(USERS, async (user) => await commands.hdel('users', `u${user}`))
    }
  }
}

const payload = 'x'.repeat(217)

export const interest = {
  name: 'interest',
  title: 'How Redis knows where a notification goes',
  inQuick: false,
  needsRedis: true,

  async measure (bench) {
    if (!hasTool('redis')) return {}
    const taken = Object.fromEntries(Object.keys(ways).map((name) => [name, []]))
    for (let round = 0; round < (bench.quick ? 1 : 3); round++) {
      for (const [name, way] of Object.entries(ways)) taken[name].push(await measureWay(way))
    }
    return Object.fromEntries(Object.entries(taken).map(([name, rounds]) => [name, summariseAll(rounds)]))
  },

  report (results) {
    return [
      `CPU of Redis in µs, with bare commands: for each of ${USERS.toLocaleString('en-US')} users who come, to publish to one of them, and for each who goes; and the memory for each in bytes:`,
      table(['', 'comes', 'publish', 'goes', 'bytes'], Object.entries(results).map(([name, { join, publish, leave, bytes }]) => [name, shown(join), shown(publish), shown(leave), shown(bytes, 0)]))
    ].join('\n\n')
  }
}

async function measureWay (way) {
  const { Redis } = await import('ioredis') // Not before it is installed: this file is read to know its name.
  const redis = await RedisProcess.start()
  const clients = { commands: new Redis(redis.url, { enableAutoPipelining: true }), receiver: new Redis(redis.url) }
  const figures = {}
  const timed = async (name, count, work) => {
    const before = redis.cpu()
    await work(clients)
    figures[name] = (redis.cpu() - before) / count
  }
  try {
    const memory = await memoryOf(clients.commands)
    await timed('join', USERS, way.join)
    figures.bytes = (await memoryOf(clients.commands) - memory) / USERS
    await timed('publish', PUBLISHES, way.publish)
    await timed('leave', USERS, way.leave)
    return figures
  } finally {
    for (const client of Object.values(clients)) client.disconnect()
    await redis.stop()
  }
}

const memoryOf = async (commands) => Number(/used_memory:(\d+)/.exec(await commands.info('memory'))[1])

async function inBatches (count, work) {
  for (let i = 0; i < count; i += AT_ONCE) await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - i) }, (_, k) => work(i + k)))
}
