import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { SECRET } from '../support/app.js'
import { connect } from '../support/client.js'
import { tally } from '../support/nothing-lost.js'
import { Poster } from '../support/poster.js'
import { prepareBuild, root, run, type Server, startServer } from '../support/process.js'
import { ResumingClient } from '../support/resuming-client.js'
import { isReady, post, readiness } from '../support/rest.js'
import { hasTool } from '../support/tools.js'
import { until } from '../support/wait.js'

t.before(prepareBuild)

const program = join(root, 'dist/src/server.js')
const settings = (folder: string, more: Record<string, string> = {}) =>
  ({ BROKER_URL: `file:${folder}`, JWT_SECRET: SECRET, WS_AUTH: 'optional', ALLOW_ANONYMOUS: 'true', ...more })

/** Not with `t.testdir()`: a folder is copied there with links. */
function makeFolder (t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'herald-journal-'))
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  return folder
}

const notify = async (server: Server, message = {}) => await post(server, '/notify/ada', { notification_type: 'info', message })

/** What a user who has nothing finds: the ids in the journal. */
async function idsIn (t: Test, { ws }: Server, userId: string): Promise<unknown[]> {
  const client = await connect(t, `${ws}/${userId}?last_event_id=`)
  const { data: { replayed } } = await client.next()
  const ids: unknown[] = []
  while (ids.length < Number(replayed)) ids.push((await client.nextOf('notification')).id)
  client.socket.terminate()
  return ids
}

t.test('a second process on the same folder is refused in one line; after a kill -9 the next has it at once', async (t) => {
  const folder = makeFolder(t)
  const first = await startServer(t, settings(folder))
  const { body: { id } } = await notify(first)

  const second = await run(t, process.execPath, [program], { PORT: '0', ...settings(folder) })
  t.equal(second.code, 1)
  t.equal(second.stderr.trim(), `BROKER_URL file:${folder}: another process is using the folder`)

  first.kill('SIGKILL')
  await first.exited
  const third = await startServer(t, settings(folder))
  t.strictSame(await idsIn(t, third, 'ada'), [id])
})

t.test('a folder that cannot be used, or a journal that is damaged, is one clear line', async (t) => {
  const refusal = async (folder: string) => {
    const { code, stderr } = await run(t, process.execPath, [program], { PORT: '0', ...settings(folder) })
    t.equal(code, 1, folder)
    t.equal(stderr.trim().split('\n').length, 1, stderr)
    return stderr
  }
  const folder = makeFolder(t)
  writeFileSync(join(folder, 'a-file'), '')
  t.match(await refusal(join(folder, 'a-file')), /a-file: the folder cannot be written: E/)
  for (const nowhere of ['/dev/null/herald', '/proc/nowhere/herald']) t.match(await refusal(nowhere), /the folder cannot be written: E/)

  const garbage = join(folder, 'garbage')
  mkdirSync(garbage)
  writeFileSync(join(garbage, 'journal.mdb'), Buffer.alloc(100_000, 'garbage'))
  t.match(await refusal(garbage), /journal\.mdb is damaged, or no journal/)

  if (hasTool(t, 'prlimit')) {
    const { code, stderr } = await run(t, 'prlimit', ['--fsize=10000', process.execPath, program], { PORT: '0', ...settings(join(folder, 'full')) })
    t.equal(code, 1)
    t.match(stderr.trim(), /^BROKER_URL file:.*full: there is no room for a journal: EFBIG.*$/)
  }

  const cut = join(folder, 'cut')
  const server = await startServer(t, settings(cut))
  for (let i = 0; i < 20; i++) await notify(server, { text: 'x'.repeat(5000) })
  server.kill('SIGTERM')
  await server.exited
  const file = join(cut, 'journal.mdb')
  truncateSync(file, statSync(file).size / 2)
  t.match(await refusal(cut), /journal\.mdb is damaged: its end is missing/)
})

t.test('a folder of another version is refused, and stays as it is', async (t) => {
  const folder = makeFolder(t)
  const server = await startServer(t, settings(folder))
  server.kill('SIGTERM')
  await server.exited
  const script = "import { open } from 'lmdb'; const db = open({ path: process.argv[1], noSubdir: true, overlappingSync: false }); await db.put(['layout'], 99); await db.close()"
  execFileSync(process.execPath, ['--input-type=module', '-e', script, join(folder, 'journal.mdb')], { cwd: root, env: { PATH: process.env['PATH'] } })

  const { code, stderr } = await run(t, process.execPath, [program], { PORT: '0', ...settings(folder) })

  t.equal(code, 1)
  t.equal(stderr.trim(), `BROKER_URL file:${folder}: its layout is 99, and this version reads 2`)
})

t.test('while the disk is full POST is answered 503; then it goes on, and nothing that was answered 200 is missing', async (t) => {
  if (!hasTool(t, 'prlimit')) return
  const folder = makeFolder(t)
  const server = await startServer(t, settings(folder))
  const limit = (bytes: string) => { execFileSync('prlimit', ['--pid', String(server.pid), `--fsize=${bytes}:unlimited`]) }
  const client = new ResumingClient('ada', () => `${server.ws}/ada`)
  await client.start()
  t.teardown(() => { client.stop() })
  const kept: string[] = []
  const statuses: number[] = []
  const send = async () => {
    const { status, body, headers } = await notify(server, { text: 'x'.repeat(20_000) })
    statuses.push(status)
    if (status === 200) kept.push(String(body['id']))
    else t.match({ body, retryAfter: headers.get('retry-after') }, { body: { code: 'journal_unavailable', status: 503 }, retryAfter: '1' })
  }

  await send()
  limit(String(1_000_000))
  while (!statuses.includes(503)) await send()
  for (let i = 0; i < 5; i++) await send()
  t.match(await readiness(server), { status: 503, body: { code: 'not_ready', detail: 'notifications cannot be kept' } })
  limit('unlimited')
  await until(() => isReady(server), 10_000)
  for (let i = 0; i < 5; i++) await send()

  t.strictSame(statuses.slice(-5), Array(5).fill(200), 'it recovers by itself')
  await until(() => client.received.length >= kept.length, 10_000)
  t.strictSame(client.received, kept)
  server.kill('SIGKILL')
  await server.exited
  t.strictSame(await idsIn(t, await startServer(t, settings(folder)), 'ada'), kept)
  t.match(server.stdout.text, 'notifications cannot be kept, and are refused')
  t.match(server.stdout.text, 'notifications are kept again')
})

t.test('where the folder is not there any more, POST is answered 503 and readiness says so; where it is back, all goes on', async (t) => {
  const folder = makeFolder(t)
  const server = await startServer(t, settings(folder))
  const kept = [(await notify(server)).body['id']]

  renameSync(folder, `${folder}.away`)
  t.teardown(() => { rmSync(`${folder}.away`, { recursive: true, force: true }) })
  t.match(await notify(server), { status: 503, body: { code: 'journal_unavailable' } })
  await until(async () => !await isReady(server), 5000)
  renameSync(`${folder}.away`, folder)
  await until(() => isReady(server), 5000)
  kept.push((await notify(server)).body['id'])
  rmSync(folder, { recursive: true })
  await until(async () => !await isReady(server), 5000)

  t.strictSame(await idsIn(t, server, 'ada'), kept)
  t.match(server.stdout.text, 'journal.mdb is not in its folder any more')
})

t.test('where somebody removes the lock, the first process keeps nothing any more: two would give out the same ids', async (t) => {
  const folder = makeFolder(t)
  const first = await startServer(t, settings(folder))
  const kept = [(await notify(first)).body['id']]

  rmSync(join(folder, 'lock'))
  const second = await startServer(t, settings(folder))

  t.match(await notify(first), { status: 503, body: { code: 'journal_unavailable' } })
  await until(async () => !await isReady(first), 5000)
  t.match(first.stdout.text, 'lock is not in its folder any more')
  kept.push((await notify(second)).body['id'])
  t.strictSame(await idsIn(t, second, 'ada'), kept)
})

t.test('a copy of the folder that is made while it is written to opens, and has all that was answered before', async (t) => {
  const folder = makeFolder(t)
  const server = await startServer(t, settings(folder, { RETENTION_PER_USER: '50', RETENTION_BROADCAST: '50' }))

  for (let copy = 1; copy <= 3; copy++) {
    const posters = Array.from({ length: 8 }, (_, i) => new Poster({ name: `p${i}`, users: ['ada', 'ben'], address: () => server.http, insists: false }))
    const running = posters.map(async (poster) => { await poster.run() })
    await until(() => posters.every((poster) => poster.answered.length > 5), 20_000)
    await sleep(Math.random() * 500)
    const answered = posters.flatMap((poster) => poster.answered)
    const copied = join(folder, `copy${copy}`)
    mkdirSync(copied)
    for (const name of ['journal.mdb', 'lock']) spawnSync('cp', [join(folder, name), copied])
    for (const poster of posters) poster.stop()
    await Promise.all(running)
    const newest = Math.max(...answered.map(({ id }) => Number(id.split('-')[1])))

    const other = await startServer(t, settings(copied, { RETENTION_PER_USER: '50', RETENTION_BROADCAST: '50' }))
    const all = [...await idsIn(t, other, 'ada'), ...await idsIn(t, other, 'ben')]
    const recent = answered.filter(({ userId, id }) => userId !== null && Number(id.split('-')[1]) > newest - 40)
    t.strictSame(recent.filter(({ id }) => !all.includes(id)), [], `${recent.length} of ${answered.length} looked for`)
    other.kill('SIGKILL')
    await other.exited
  }
})

t.test('a stop keeps what was accepted', async (t) => {
  const folder = makeFolder(t)
  const startOnFolder = async () => await startServer(t, settings(folder, { RETENTION_PER_USER: '0', RETENTION_BROADCAST: '0' }))
  let server = await startOnFolder()
  const posters = Array.from({ length: 8 }, (_, i) => new Poster({ name: `p${i}`, users: ['ada', 'ben'], address: () => server.http, insists: false }))
  const [stays, comes] = [new ResumingClient('ada', () => `${server.ws}/ada`), new ResumingClient('ada', () => `${server.ws}/ada?last_event_id=`)]
  t.teardown(() => { for (const one of [...posters, stays, comes]) one.stop() })
  await stays.start()
  const running = posters.map(async (poster) => { await poster.run() })
  await until(() => posters.every(({ answered }) => answered.length > 10), 20_000)

  server.kill('SIGTERM')
  t.match(await server.exited, { code: 0 })
  for (const poster of posters) poster.stop()
  await Promise.all(running)
  server = await startOnFolder()
  await comes.start()

  t.strictSame((await tally([stays, comes], posters, 20_000)).problems, [])
})
