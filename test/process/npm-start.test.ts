import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { prepareBuild, root, start } from '../support/process.js'

t.before(prepareBuild)

t.test('a signal to npm start stops the service, and both end with 0', async (t) => {
  const running = start(t, 'npm', ['start'], { PORT: '0' })
  await running.stdout.match(/Server listening/)

  running.kill('SIGTERM')

  t.match(await running.exited, { code: 0 })
  t.match(running.stdout.text, '"msg":"stopped"')
})

t.test('a second npm start runs beside the first', async (t) => {
  const both = [start(t, 'npm', ['start'], { PORT: '0' }), start(t, 'npm', ['start'], { PORT: '0' })]
  for (const { stdout } of both) await stdout.match(/Server listening/)

  for (const { kill, exited } of both) {
    kill('SIGTERM')
    t.match(await exited, { code: 0 })
  }
})

t.test('a service whose log nobody reads any more goes on, and ends when it is told to', async (t) => {
  const child = spawn(process.execPath, ['dist/src/server.js'], { cwd: root, env: { PORT: '0', BROKER_URL: 'memory:' }, stdio: ['ignore', 'pipe', 'ignore'] })
  t.teardown(() => { child.kill('SIGKILL') })
  const [first] = await once(child.stdout, 'data')
  const port = /127\.0\.0\.1:(\d+)/.exec(String(first))?.[1]
  child.stdout.destroy()

  t.equal((await fetch(`http://127.0.0.1:${port}/nope`)).status, 404)
  child.kill('SIGTERM')

  t.strictSame(await once(child, 'exit'), [0, null])
})
