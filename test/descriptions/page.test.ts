import t from 'tap'
import { build } from '../support/app.js'
import { openBrowser } from '../support/browser.js'
import { hasTool } from '../support/tools.js'

t.test('the page of the addresses shows and tries them, with nothing from elsewhere and nothing that its policy refuses', async (t) => {
  if (!hasTool(t, 'chromium')) return
  const { port } = await build(t)
  const page = await (await openBrowser(t)).newPage()
  const complaints: string[] = []
  const hosts = new Set<string>()
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) complaints.push(message.text()) })
  page.on('pageerror', (error) => { complaints.push(error.message) })
  page.on('request', (request) => { if (!request.url().startsWith('data:')) hosts.add(new URL(request.url()).host) })

  await page.goto(`http://127.0.0.1:${port}/docs`)
  await page.waitForSelector('#operations-notifications-notify')
  await page.click('#operations-health-live .opblock-summary-control')
  await page.click('#operations-health-live .try-out__btn')
  await page.click('#operations-health-live .execute')
  await page.waitForSelector('#operations-health-live .live-responses-table')

  await page.click('#operations-notifications-notify .opblock-summary-control')
  await page.click('#operations-notifications-notify .try-out__btn')
  t.equal(await page.inputValue('#operations-notifications-notify [data-param-name="user_id"] input'), 'my_user_id')
  t.equal(await page.inputValue('#operations-notifications-notify [data-param-name="idempotency-key"] input'), '')
  const [request] = await Promise.all([page.waitForRequest(/notify\/my_user_id$/), page.click('#operations-notifications-notify .execute')])
  t.equal(request.method(), 'POST')
  await page.waitForSelector('#operations-notifications-notify .live-responses-table')
  t.match(complaints.splice(0), [/401/])

  t.equal(await page.textContent('#operations-health-live .live-responses-table .response .response-col_status'), '200')
  t.strictSame(complaints, [])
  t.strictSame([...hosts], [`127.0.0.1:${port}`])
})
