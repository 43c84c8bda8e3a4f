import { join } from 'node:path'
import t from 'tap'
import { SECRET } from '../support/app.js'
import { slow } from '../support/attacks.js'
import { prepareBuild, root, startServer } from '../support/process.js'
import { Witness } from '../support/witness.js'

t.before(prepareBuild)

const OF_EACH = 50
/** How much faster than usual the time-outs of HTTP run out here. */
const HASTE = 20
/** An unfinished request ends after one minute at the latest. */
const MOST_MS = 60_000 / HASTE

/** Divides the time-outs that the service has set, whatever they are; what has none never ends. */
const hurry = `data:text/javascript,${encodeURIComponent(`
  import http from 'node:http'
  const { createServer } = http
  http.createServer = ({ connectionsCheckingInterval = 30_000, ...options } = {}, handler) => {
    const server = createServer({ ...options, connectionsCheckingInterval: connectionsCheckingInterval / ${HASTE} }, handler)
    return server.once('listening', () => { for (const name of ['headersTimeout', 'requestTimeout']) server[name] /= ${HASTE} })
  }
`)}`

t.test('requests and upgrades that never finish are answered 408 and ended, and the others are served meanwhile', async (t) => {
  const server = await startServer(t, { JWT_SECRET: SECRET }, ['--import', hurry, join(root, 'dist/src/server.js')])
  const witness = new Witness(server)
  t.teardown(() => witness.stop())
  const started = performance.now()

  await Promise.all(Object.entries(slow).map(async ([name, make]) => {
    const answers = await Promise.all(Array.from({ length: OF_EACH }, async () => await make(t, server)))
    t.strictSame([...new Set(answers)], [408], name)
  }))

  const took = performance.now() - started
  t.ok(took < 2 * MOST_MS, `all had ended after ${Math.round(took)} ms`)
  t.strictSame(await witness.stop(), [])
  t.ok(witness.waits.length > 10, `${witness.waits.length} waits of the ordinary client, at most ${Math.round(witness.slowest)} ms`)
})
