import t from 'tap'
import { readRedisUrl } from '../../../src/broker/redis/redis-url.js'

t.test('a URL says where Redis is, who asks, and which database is used', async (t) => {
  t.strictSame(readRedisUrl('redis://127.0.0.1'), { host: '127.0.0.1', port: 6379, db: 0 })
  t.strictSame(readRedisUrl('redis://[::1]:7000/3'), { host: '::1', port: 7000, db: 3 })
  t.strictSame(readRedisUrl('redis://:p%40ss@redis.internal/'), { host: 'redis.internal', port: 6379, password: 'p@ss', db: 0 })
  t.match(readRedisUrl('rediss://ann:secret@redis.internal'), { username: 'ann', password: 'secret', tls: {} })
  t.match(readRedisUrl('rediss://sentinel.internal?sentinel=main'), { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true }, 'its password is not sent in the clear')
})

t.test('with ?sentinel= the host is a Sentinel', async (t) => {
  t.strictSame(readRedisUrl('redis://:secret@10.0.0.1/2?sentinel=herald'), {
    sentinels: [{ host: '10.0.0.1', port: 26379 }], name: 'herald', password: 'secret', db: 2
  })
  t.match(readRedisUrl('redis://:secret@10.0.0.1?sentinel=herald&sentinel_password=other%26'), { password: 'secret', sentinelPassword: 'other&' })
})

t.test('anything else is refused, and the password is not told', async (t) => {
  for (const url of ['redis:', 'redis://', 'redis://host/db', 'redis://:secret@host:port', 'redis://:secret@host/1?prefix=x', 'redis://host?sentinel_password=secret']) {
    t.throws(() => readRedisUrl(url), { message: /of the form redis:\/\// }, url)
    try {
      readRedisUrl(url)
    } catch (error) {
      t.notMatch(String(error), 'secret')
    }
  }
})
