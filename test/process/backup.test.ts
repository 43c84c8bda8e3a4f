import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { addressOf, SECRET } from '../support/app.js'
import { connect } from '../support/client.js'
import { prepareBuild, type Server, startServer } from '../support/process.js'
import { post } from '../support/rest.js'

t.before(prepareBuild)

const notify = async (server: Server) => String((await post(server, '/notify/ada', { notification_type: 'info', message: {} })).body['id'])

t.test('a backup that is put back: who is ahead of it is told a gap, until its numbers have caught up (docs/operations.md)', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'herald-backup-'))
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  const backup = join(folder, 'backup')
  mkdirSync(backup)
  const start = async (path: string) => await startServer(t, { BROKER_URL: `file:${path}`, JWT_SECRET: SECRET })
  const resume = async (server: Server, id: string) => {
    const client = await connect(t, `${addressOf(server, 'ada')}&last_event_id=${id}`)
    const { data } = await client.next()
    return [data['resume'], data['replayed']]
  }

  const first = await start(folder)
  await notify(first)
  copyFileSync(join(folder, 'journal.mdb'), join(backup, 'journal.mdb'))
  const seen = [await notify(first), await notify(first)]
  first.kill('SIGTERM')
  await first.exited
  const restored = await start(backup)

  t.strictSame(await resume(restored, seen.at(-1) ?? ''), ['gap', 1])
  t.strictSame([await notify(restored), await notify(restored)], seen, 'its numbers are given out again')
  const newest = await notify(restored)
  t.not(newest, seen.at(-1))
  t.strictSame(await resume(restored, seen.at(-1) ?? ''), ['caught_up', 1], 'two were missed, and it is not said')
})
