import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SECRET } from './app.js'
import { MixedLoad } from './mixed-load.js'
import { root, type Server, startServer, withOwner } from './process.js'
import { stats } from './rest.js'
import { until } from './wait.js'

const SAMPLE_MS = 5_000
/** Before that, memory is still taken for what stays: compiled code, buffers, what is kept for those who come back. */
const WARM_UP_SHARE = 0.4
const MAX_WARM_UP_MS = 180_000
/** What the line through the samples may rise by, from the first to the last. */
const MOST_MB = { heap: 4, rss: 25 }
const MB = 1024 * 1024
/** Connections of HTTP that idle are closed after 72 seconds. */
const IDLE_HTTP_MS = 90_000

/** Loaded into the server: on SIGWINCH, which means nothing else, it writes how much memory is in use when the garbage is collected. */
const sampler = `data:text/javascript,${encodeURIComponent(`
  let sample = 0
  process.on('SIGWINCH', async () => {
    gc()
    await new Promise(setImmediate)
    gc()
    const { heapUsed, external, rss } = process.memoryUsage()
    console.log(JSON.stringify({ sample: ++sample, heap: heapUsed + external, rss }))
  })
`)}`

interface Sample { at: number, heap: number, rss: number }

/** Mixed load for so long: clients that come and go, notifications, bad clients of every kind; and what it has left behind. */
export async function soak ({ ms, folder, onSample = () => {} }: { ms: number, folder: string, onSample?: (text: string) => void }) {
  return await withOwner(async (owner) => {
    const server = await startServer(owner, {
      BROKER_URL: `file:${folder}`,
      JWT_SECRET: SECRET,
      ALLOW_ANONYMOUS: 'true',
      WS_AUTH: 'optional',
      RETENTION_PER_USER: '300',
      RETENTION_BROADCAST: '300',
      IDEMPOTENCY_SECONDS: '10'
    }, ['--expose-gc', '--import', sampler, join(root, 'dist/src/server.js')])
    const load = new MixedLoad(server)
    owner.teardown(() => { load.end() })
    const samples: Sample[] = []
    const descriptors = () => readdirSync(`/proc/${server.pid}/fd`).length
    await stats(server)
    const before = descriptors()
    const started = performance.now()
    const running = load.run()
    while (performance.now() - started < ms) {
      await sleep(Math.min(SAMPLE_MS, ms / 10))
      const sample = { at: performance.now() - started, ...await takeSample(server, samples.length + 1) }
      samples.push(sample)
      onSample(`${Math.round(sample.at / 1000)} s: heap ${toMb(sample.heap)} MB, resident ${toMb(sample.rss)} MB`)
    }
    load.stop()
    await running
    const { problems, ...arrived } = await load.result()
    load.end()

    const areGone = async () => {
      const { total_connections: total, users_count: users } = await stats(server)
      return total + users === 0
    }
    await until(areGone, 20_000).catch(() => { problems.push('there are connections left') })
    await until(() => descriptors() <= before, IDLE_HTTP_MS).catch(() => { problems.push(`${descriptors()} descriptors are open, and ${before} were`) })
    const troubles = server.stdout.all.filter((line) => Number(/"level":(\d+)/.exec(line)?.[1] ?? 0) >= 40)
    problems.push(...troubles.slice(0, 10), ...(server.stderr.text === '' ? [] : [server.stderr.text]))
    server.kill('SIGTERM')
    const { code } = await server.exited
    if (code !== 0) problems.push(`it ended with ${code}`)

    const measured = samples.filter(({ at }) => at > Math.min(ms * WARM_UP_SHARE, MAX_WARM_UP_MS))
    const heap = growthOf(measured, 'heap')
    const rss = growthOf(measured, 'rss')
    for (const [name, { mb }] of Object.entries({ heap, rss })) {
      if (mb > MOST_MB[name as keyof typeof MOST_MB]) problems.push(`the memory is not flat: ${name} has grown by ${mb.toFixed(1)} MB`)
    }
    return { seconds: ms / 1000, ...arrived, samples: measured.length, heap, rss, warnings: troubles.length, problems }
  })
}

async function takeSample ({ pid, stdout, stderr, exited }: Server, number: number): Promise<Omit<Sample, 'at'>> {
  process.kill(pid, 'SIGWINCH')
  const [line] = await stdout.match(new RegExp(`^{"sample":${number},.*`)).catch(async () => { throw new Error(`the server has ended: ${JSON.stringify(await exited)} ${stderr.text}`) })
  return JSON.parse(line)
}

const toMb = (bytes: number): number => Math.round(bytes / MB)

/** The slope of the line through points, by least squares, in units of y for each unit of x. */
function slopeOf (points: Array<[x: number, y: number]>): number {
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length
  const [meanX, meanY] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))]
  const sum = (of: (x: number, y: number) => number) => points.reduce((total, [x, y]) => total + of(x - meanX, y - meanY), 0)
  return sum((x, y) => x * y) / sum((x) => x * x)
}

/** The line through the samples: how much it rises from the first to the last, and in an hour. */
function growthOf (samples: Sample[], of: 'heap' | 'rss') {
  const slope = slopeOf(samples.map((sample) => [sample.at, sample[of] / MB]))
  const mb = slope * ((samples.at(-1)?.at ?? 0) - (samples[0]?.at ?? 0))
  return { mb: Number(mb.toFixed(2)), mbPerHour: Number((slope * 3_600_000).toFixed(1)), last: toMb(samples.at(-1)?.[of] ?? 0) }
}
