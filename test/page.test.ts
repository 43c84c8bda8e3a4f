import { ALL_SCOPES } from './support/app.js'
import { connect } from './support/client.js'
import { shown, state, test, text, token } from './support/page.js'
import { sign } from './support/token.js'

test('the page does all that the service does', { TEST_PAGE: true, HEARTBEAT_INTERVAL_MS: 1000 }, async (t, { page, service, complaints }) => {
  await t.test('the token of the link is taken over and leaves the address', async (t) => {
    t.notMatch(page.url(), 'token')
    t.equal(await page.inputValue('#token'), token)
    t.equal(await page.inputValue('#user'), 'ada')
  })

  await t.test('connect, by Enter in the field of the user', async (t) => {
    await page.press('#user', 'Enter')
    await state(page, 'connected')

    t.equal(await text(page, '#connected-user'), 'ada')
    t.equal(await text(page, '#total-connections'), '1')
    t.equal(service.app.connections.getUserConnectionsCount('ada'), 1)
  })

  await t.test('ping shows the round trip, stats the users, and heartbeats come', async (t) => {
    await page.click('#ping')
    await page.waitForFunction(() => /\d ms/.test(document.querySelector('#round-trip')?.textContent ?? ''))
    await page.click('#stats')
    await page.waitForSelector('#stats-users li')
    await page.waitForFunction(() => /\d/.test(document.querySelector('#last-heartbeat')?.textContent ?? ''))

    t.equal(await text(page, '#stats-users li'), 'ada')
  })

  await t.test('notify arrives on the page as text, and the outcome is shown', async (t) => {
    await page.fill('#send-title', '<b>Hello</b>')
    await page.fill('#send-content', 'from the page')
    await page.click('#send')
    await page.waitForSelector('#outcome[data-kind=success]')
    await page.waitForSelector('#log .entry[data-type=notification]')

    t.match(await text(page, '#log .entry[data-type=notification] .title'), '<b>Hello</b>')
    t.match(await text(page, '#log .entry[data-type=notification] .content'), 'from the page')
    t.match(await text(page, '#outcome'), '1')
  })

  await t.test('broadcast leaves out the excluded user', async (t) => {
    const other = await connect(t, `${service.ws}/ben?token=${sign({ sub: 'ben' })}`)
    await page.selectOption('#send-target', 'broadcast')
    await page.fill('#send-exclude', 'ada')
    await page.fill('#send-title', 'for the others')
    await page.click('#send')

    t.match((await other.nextOf('notification')).data, { title: 'for the others' })
    t.equal(await page.locator('#log .entry[data-type=notification]').count(), 1)
    other.socket.close()
    await other.closed
  })

  await t.test('a refused notification says why', async (t) => {
    await page.fill('#send-exclude', '')
    await page.fill('#token', sign({ sub: 'ada' }))
    await page.click('#send')
    await page.waitForSelector('#outcome[data-kind=problem]')

    t.match(await text(page, '#outcome'), /403[^]*scope/)
    await page.fill('#token', token)
  })

  await t.test('the log is filtered, copied, paused and cleared', async (t) => {
    await page.fill('#log-filter', 'pong')
    await page.waitForFunction(() => document.querySelectorAll('#log .entry[data-type=connection_status]:not([hidden])').length === 0)
    t.strictSame(new Set(await shown(page)), new Set(['pong']))

    await page.click('#log-copy')
    await page.waitForFunction(async () => (await navigator.clipboard.readText()).includes('pong'))
    const copied = (await page.evaluate(() => navigator.clipboard.readText())).trim().split('\n')
    t.ok(copied.every((line) => JSON.parse(line).type === 'pong'))

    await page.fill('#log-filter', '')
    await page.selectOption('#log-kind', 'notifications')
    await page.waitForFunction(() => document.querySelectorAll('#log .entry[data-type=pong]:not([hidden])').length === 0)
    t.strictSame(new Set(await shown(page)), new Set(['notification']))
    await page.selectOption('#log-kind', 'no-heartbeats')

    const left = await page.evaluate(() => { // At once, before the next frame comes.
      document.querySelector<HTMLElement>('#log-clear')?.click()
      const entries = document.querySelectorAll('#log .entry').length
      document.querySelector<HTMLElement>('#log-pause')?.click()
      return entries
    })
    t.equal(left, 0)
    await page.click('#ping')
    await page.waitForFunction(() => /\([1-9]/.test(document.querySelector('#log-pause')?.textContent ?? ''))
    t.strictSame(await shown(page), [])
    await page.click('#log-pause')
    await page.waitForSelector('#log .entry[data-type=pong]')
  })

  await t.test('disconnect ends the connection', async (t) => {
    await page.click('#disconnect')
    await state(page, 'disconnected')

    t.match(await text(page, '#state-detail'), '1000')
    t.equal(service.app.connections.getTotalConnectionsCount(), 0)
  })

  t.strictSame(complaints.filter((line) => !/status of 403/.test(line)), [], 'nothing was refused by the page\'s own policy')
})

test('the page tells why a connection was refused', { TEST_PAGE: true }, async (t, { page }) => {
  await page.fill('#user', 'ben')
  await page.click('#connect')
  await state(page, 'refused')
  t.match(await text(page, '#state-detail'), /403.*wrong_user/)

  await page.selectOption('#token-mode', 'none')
  await page.click('#connect')
  await page.waitForFunction(() => /401/.test(document.querySelector('#state-detail')?.textContent ?? ''))
  t.match(await text(page, '#state-detail'), 'token_required')

  await page.selectOption('#token-mode', 'query')
  await page.fill('#user', 'ada')
  await page.click('#connect')
  await state(page, 'connected')
})

test('a token that is typed is used for the socket', { TEST_PAGE: true }, async (t, { page }) => {
  await page.evaluate(() => { window.location.hash = '' })
  await page.reload()
  t.equal(await page.inputValue('#token-mode'), 'none')

  await page.fill('#user', 'ben')
  await page.fill('#token', sign({ sub: 'ben' }))
  await page.click('#connect')

  await state(page, 'connected')
})

test('a user id may have 128 characters, whatever they are', { TEST_PAGE: true }, async (t, { page }) => {
  const id = '😀'.repeat(128)
  await page.fill('#token', sign({ sub: id }))
  await page.fill('#user', '')
  await page.focus('#user')
  await page.keyboard.insertText(id) // Unlike `fill`, it is held to the field's bounds.
  await page.click('#connect')
  await state(page, 'connected')
  t.equal(await text(page, '#connected-user'), id)

  await page.click('#disconnect')
  await state(page, 'disconnected')
  await page.fill('#user', 'a'.repeat(129))
  await page.click('#connect')
  await state(page, 'refused')
  t.match(await text(page, '#state-detail'), /400.*128 characters/)
})

test('what a browser cannot send is refused at its field, and nothing hangs', { TEST_PAGE: true }, async (t, { page }) => {
  const refusedAt = async (button: string) => {
    await page.click(button)
    return await page.evaluate(() => document.activeElement?.matches(':invalid') === true && document.activeElement.id)
  }

  await page.fill('#token', 'токен')
  await page.selectOption('#token-mode', 'query')
  t.equal(await refusedAt('#connect'), 'token')
  t.equal(await refusedAt('#send'), 'token')

  await page.goto(`${page.url()}#token=${sign({ sub: '\ud800', scope: ALL_SCOPES })}`)
  t.equal(await refusedAt('#connect'), 'user')
  t.equal(await refusedAt('#send'), 'send-user')
  t.equal(await text(page, '#outcome'), '')
  await state(page, 'disconnected')

  await page.fill('#token', ` ${token} `)
  await page.fill('#user', 'ada')
  await page.fill('#send-user', 'ada')
  await page.click('#connect')
  await state(page, 'connected')
  await page.click('#send')
  await page.waitForSelector('#outcome[data-kind=success]')
})

test('an anonymous connection', { JWT_SECRET: '' }, async (t, { page }) => {
  await page.check('#anonymous')
  await page.selectOption('#token-mode', 'none')
  await page.click('#connect')
  await state(page, 'connected')

  t.match(await text(page, '#connected-user'), /anonymous/i)
})

test('what is stepped to with the keys is not under the head of the page', { TEST_PAGE: true }, async (t, { page }) => {
  for (const [width, height] of [[390, 844], [320, 256], [700, 400]] as const) {
    await page.setViewportSize({ width, height })
    await page.focus('#send-content')
    const covered: string[] = []
    for (let i = 0; i < 25; i++) {
      await page.keyboard.press('Shift+Tab')
      const name = await page.evaluate(() => {
        const { activeElement: focused } = document
        if (focused === null || focused === document.body || focused.matches('.skip')) return ''
        const { left, top, width, height } = focused.getBoundingClientRect()
        const seen = document.elementFromPoint(left + width / 2, top + Math.min(height / 2, 10))
        return seen !== null && (focused.contains(seen) || seen.contains(focused)) && seen.closest('.status') === null ? '' : `${focused.tagName} ${focused.id}`
      })
      if (name !== '') covered.push(name)
    }
    t.strictSame(covered, [], `${width} × ${height}`)
    t.ok(await page.evaluate(() => [...document.querySelectorAll('.facts dd')].every((fact) => fact.getBoundingClientRect().right <= window.innerWidth)))
  }
})

test('nothing is wider than a phone, in either colour scheme', { TEST_PAGE: true }, async (t, { page, complaints }) => {
  await page.setViewportSize({ width: 390, height: 844 })
  const backgrounds = new Set()
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    backgrounds.add(await page.evaluate(() => getComputedStyle(document.body).backgroundColor))
    t.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth))
  }
  t.equal(backgrounds.size, 2)
  t.strictSame(complaints, [])
})
