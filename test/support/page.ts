import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import type { HeraldOptions } from '../../src/app.js'
import { ALL_SCOPES, build, type Service } from './app.js'
import { openBrowser } from './browser.js'
import { sign } from './token.js'
import { hasTool } from './tools.js'

export const token = sign({ sub: 'ada', scope: ALL_SCOPES })

export interface Opened { page: Page, service: Service, complaints: string[] }

/** Tests with the page of a service, opened by its link with a token; `complaints` has what the console complains of. */
export function test (name: string, settings: HeraldOptions, body: (t: Test, opened: Opened) => Promise<void>) {
  t.test(name, async (t) => {
    if (!hasTool(t, 'chromium')) return
    const service = await build(t, settings)
    const browser = await openBrowser(t)
    await browser.grantPermissions(['clipboard-read', 'clipboard-write'])
    const page = await browser.newPage()
    const complaints: string[] = []
    page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) complaints.push(message.text()) })
    page.on('pageerror', (error) => { complaints.push(error.message) })
    await page.goto(`${service.http}/test#token=${token}`)
    await body(t, { page, service, complaints })
  })
}

export const state = (page: Page, name: string) => page.waitForSelector(`#state[data-state=${name}]`)
export const text = async (page: Page, selector: string) => (await page.textContent(selector))?.trim() ?? ''
/** The types of the entries that the log shows. */
export const shown = (page: Page) => page.locator('#log .entry:visible').evaluateAll((entries) => entries.map((entry) => entry.getAttribute('data-type')))
export const titles = (page: Page) => page.locator('#log .title').allTextContents()
export const hello = (title: string) => ({ notification_type: 'info', message: { title } })
