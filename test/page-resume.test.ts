import type { Page } from 'playwright-core'
import { createApp } from '../src/app.js'
import { readConfig } from '../src/config.js'
import { addressOf, ALL_SCOPES, SECRET } from './support/app.js'
import { connect } from './support/client.js'
import { hello, state, test, text, titles, token } from './support/page.js'
import { sign } from './support/token.js'
import { until } from './support/wait.js'

/** Connects, stops the clock of the page so that it does not come back before it is told to, and breaks the connection. */
async function breakConnection (page: Page) {
  await page.click('#connect')
  await page.waitForSelector('#stats-users li')
  await page.clock.install()
  await page.clock.pauseAt(await page.evaluate(() => Date.now() + 1000))
  await page.click('#break')
  await state(page, 'reconnecting')
}

test('what was missed during a break arrives once when the page is back', { TEST_PAGE: true }, async (t, { page, service, complaints }) => {
  await breakConnection(page)
  t.match(await text(page, '.connection'), /Reconnecting in \d s\s+attempt 1/)
  await service.post('/notify/ada', hello('first'))
  const { body: { id } } = await service.post('/broadcast', hello('second'))

  await page.clock.resume()
  await page.waitForSelector(`#log .id:text("${String(id)}")`)
  await page.click('#break')
  await page.waitForSelector('.entry[data-type="caught up"] >> nth=1')

  t.strictSame(await titles(page), ['first', 'second'])
  t.strictSame(await page.locator('[data-type="caught up"] .json').allTextContents(), ['2 replayed', '0 replayed'])
  t.match(await text(page, '#state-detail'), 'caught up, 0 replayed')
  t.equal(await text(page, '#last-event'), id)
  t.strictSame(complaints, [])
})

test('a service that lost its journal is found again, and the gap is shown', { TEST_PAGE: true }, async (t, { page, service }) => {
  await breakConnection(page)
  await service.app.close()
  await page.clock.runFor(500)
  await page.waitForSelector('#state[data-state=reconnecting] + :text("attempt 2")')
  const next = createApp(readConfig({ JWT_SECRET: SECRET, BROKER_URL: 'memory:', TEST_PAGE: true }))
  t.teardown(() => next.close())
  await next.listen({ host: '127.0.0.1', port: service.port })
  await service.post('/notify/ada', hello('kept'))

  await page.click('#connect') // It does not wait any longer.
  await page.clock.resume()
  await page.waitForSelector('#log .title:text("kept")')

  t.match(await text(page, '.entry.warning[data-type=gap]'), 'something that was missed is no longer there, 1 replayed')
  t.match(await text(page, '#state-detail.warning'), 'gap: something that was missed is no longer there, 1 replayed')
})

test('a page that is told when to come back does so then, and resumes', { TEST_PAGE: true, DRAIN_SECONDS: 2 }, async (t, { page, service }) => {
  await connect(t, addressOf(service, 'ada')) // It goes first, the page after half of the time.
  await page.evaluate(() => { Math.random = () => 1 })
  await page.click('#connect')
  await page.waitForSelector('#stats-users li')

  const stopped = service.app.close()
  await page.waitForSelector('.entry[data-type=reconnect]')
  t.match(await text(page, '#state-detail.warning'), /^shutting down: comes back in (1\.0|0\.9) s$/)
  await stopped
  const next = createApp(readConfig({ JWT_SECRET: SECRET, BROKER_URL: 'memory:', TEST_PAGE: true }))
  t.teardown(() => next.close())
  await next.listen({ host: '127.0.0.1', port: service.port })
  await page.waitForSelector('.entry[data-type=gap]') // The journal was in memory.

  const [first = ''] = await page.locator('.entry[data-type=reconnecting] .json').allTextContents()
  t.ok(JSON.parse(first).wait_ms < 400, first)
})

test('a page whose user has the name of a REST address does not take its answer for a refusal', { TEST_PAGE: true, MAX_CONNECTIONS_PER_USER: 1 }, async (t, { page, service }) => {
  await page.fill('#user', 'notify')
  await page.fill('#token', sign({ sub: 'notify', scope: ALL_SCOPES }))
  await breakConnection(page)
  await until(() => service.app.connections.getTotalConnectionsCount() === 0, 5000)
  const other = await connect(t, addressOf(service, 'notify'))
  await page.clock.runFor(500)
  await page.waitForSelector('#state[data-state=reconnecting] + :text("attempt 2")')
  t.match(await text(page, '#state-detail'), 'for a user of this name a page cannot ask why')

  other.socket.close()
  await other.closed
  await page.clock.resume()
  await state(page, 'connected')
})

test('a page that waits is stopped by Disconnect, and by a refusal', { TEST_PAGE: true }, async (t, { page, service }) => {
  await breakConnection(page)
  await page.click('#disconnect')
  await state(page, 'disconnected')
  t.equal(await page.evaluate(() => document.activeElement?.id), 'connect')
  t.equal(await text(page, '#last-event'), '–')
  await page.clock.runFor(60_000)
  await state(page, 'disconnected')
  t.equal(service.app.connections.getTotalConnectionsCount(), 0)

  await breakConnection(page)
  await page.fill('#token', sign({ sub: 'ben' }))
  await page.click('#connect')
  await state(page, 'refused')
  t.match(await text(page, '#state-detail'), /wrong_user.*takes any user that brings no token/)

  await service.post('/notify/ada', hello('missed'))
  await page.fill('#token', token)
  await page.click('#connect')
  await state(page, 'connected')
  t.match(await text(page, '#state-detail'), 'caught up, 1 replayed')
})
