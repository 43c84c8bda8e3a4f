import t, { type Test } from 'tap'
import { openBrowser } from './support/browser.js'
import { text } from './support/page.js'
import { prepareBuild, startServer } from './support/process.js'
import { hasTool } from './support/tools.js'
import { until } from './support/wait.js'

if (!hasTool(t, 'chromium')) process.exit()
t.before(prepareBuild)

/** A page that is connected to a server that has just stopped to do anything. */
async function openSilent (t: Test) {
  const server = await startServer(t, { BROKER_URL: 'memory:' })
  const [, link = ''] = await server.stdout.match(/test page: ([^"\s]+)/)
  const page = await (await openBrowser(t)).newPage()
  await page.clock.install()
  await page.goto(link)
  await page.click('#connect')
  await page.waitForSelector('#stats-users li')
  server.kill('SIGSTOP')
  return { server, page }
}

t.test('a connection to a server that hangs is ended by the page: broken at once, closed when the server does not', async (t) => {
  const { server, page } = await openSilent(t)

  await page.click('#break')
  await page.waitForSelector('#state[data-state=reconnecting], #state[data-state=connecting]', { timeout: 500 })

  server.kill('SIGCONT')
  await page.waitForSelector('#stats-users li')
  server.kill('SIGSTOP')
  await page.click('#disconnect')
  await page.waitForSelector('#state[data-state=disconnected]', { timeout: 5000 })
  t.match(await text(page, '#state-detail'), '1006 · the server does not answer')
})

t.test('a page notices by itself that nothing is heard any more', async (t) => {
  const { page } = await openSilent(t)

  await page.clock.runFor(40_000)

  await page.waitForSelector('.entry[data-type=close]')
  t.match(await text(page, '.entry[data-type=close]'), 'the server does not answer')
})

t.test('a page gives up an attempt that nobody answers, and makes the next one', async (t) => {
  const { page } = await openSilent(t)
  await page.click('#break')

  await page.clock.runFor(40_000)

  await page.waitForSelector('#state-detail:text("attempt 2")', { timeout: 10_000 })
})

t.test('what was sent and not answered is sent once, however often the button is pressed', async (t) => {
  const { server, page } = await openSilent(t)

  for (let i = 0; i < 3; i++) await page.click('#send')
  await page.waitForSelector('#outcome[data-kind=pending]')
  await page.waitForSelector('#outcome[data-kind=problem]', { timeout: 12_000 })
  t.match(await text(page, '#outcome'), 'There was no answer; to send again sends it once')
  await page.click('#send')
  server.kill('SIGCONT')
  await page.waitForSelector('#outcome[data-kind=success]')
  await until(async () => await page.locator('#log .entry[data-type=notification]').count() > 0, 5000)

  t.equal(await page.locator('#log .entry[data-type=notification]').count(), 1)
})
