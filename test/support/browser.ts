import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type BrowserContext, chromium } from 'playwright-core'
import type { Test } from 'tap'

const args = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'
]

/** The Chromium of the system, with a user data folder of its own. */
export async function openBrowser (t: Test): Promise<BrowserContext> {
  const browser = await chromium.launchPersistentContext('', { executablePath: '/usr/bin/chromium', args })
  t.teardown(() => browser.close())
  return browser
}

/** Serves one page, at an origin of its own. */
export async function servePage (t: Test, html: string): Promise<string> {
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/' ? 200 : 404, { 'content-type': 'text/html; charset=utf-8' })
    response.end(request.url === '/' ? html : '')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}
