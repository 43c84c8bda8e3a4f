import { join } from 'node:path'
import t from 'tap'
import { prepareBuild, root, run } from '../support/process.js'

t.before(prepareBuild)

t.test('a service without a redis: URL does not load a Redis client', async (t) => {
  const script = `
    import { createRequire } from 'node:module'
    import { createApp } from ${JSON.stringify(join(root, 'dist/src/app.js'))}
    import { readConfig } from ${JSON.stringify(join(root, 'dist/src/config.js'))}
    const app = createApp(readConfig({ BROKER_URL: 'memory:' }))
    await app.ready()
    const count = () => Object.keys(createRequire(${JSON.stringify(join(root, 'package.json'))}).cache).filter((file) => file.includes('ioredis')).length
    console.log(count())
    await app.close()
    await import(${JSON.stringify(join(root, 'dist/src/broker/redis/redis-link.js'))})
    console.log(count() > 0)`
  const { code, stdout } = await run(t, process.execPath, ['--input-type=module', '-e', script])

  t.equal(code, 0)
  t.strictSame(stdout.trim().split('\n'), ['0', 'true'])
})
