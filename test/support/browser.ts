import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Browser, type BrowserContext, chromium } from 'playwright-core'
import tap, { type Test } from 'tap'

const args = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'
]

let browser: Promise<Browser> | undefined

/** A window of its own, which shares nothing with another, in the Chromium of the system, which is started once for a file. */
export async function openBrowser (t: Test): Promise<BrowserContext> {
  browser ??= launch()
  const context = await (await browser).newContext()
  t.teardown(() => context.close())
  return context
}

async function launch (): Promise<Browser> {
  const launched = await chromium.launch({ executablePath: '/usr/bin/chromium', args })
  tap.teardown(() => launched.close())
  return launched
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
