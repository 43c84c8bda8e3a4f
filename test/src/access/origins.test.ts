import t from 'tap'
import { originAllowed } from '../../../src/access/origins.js'

t.test('by default a page of the same host may connect', async (t) => {
  const policy = { allowedOrigins: undefined, allowLoopback: false }

  for (const [origin, host, allowed] of [
    ['https://app.example.com', 'app.example.com', true],
    ['https://app.example.com', 'app.example.com:443', true],
    ['http://app.example.com:8000', 'app.example.com:8000', true],
    ['https://app.example.com:8443', 'app.example.com', false],
    ['https://evil.example.com', 'app.example.com', false],
    ['http://localhost:3000', '127.0.0.1:8000', false],
    ['null', 'app.example.com', false],
    ['nonsense', 'nonsense', false],
    ['', '', false]
  ] as const) t.equal(originAllowed(origin, host, policy), allowed, `${origin} at ${host}`)
})

t.test('on a developer\'s machine any loopback page may', async (t) => {
  const policy = { allowedOrigins: undefined, allowLoopback: true }

  for (const origin of ['http://localhost:3000', 'http://127.0.0.1:5173', 'http://[::1]:80', 'https://app.localhost']) {
    t.ok(originAllowed(origin, '127.0.0.1:8000', policy), origin)
  }
  for (const origin of ['http://localhost.evil.com', 'http://128.0.0.1', 'null']) t.notOk(originAllowed(origin, '127.0.0.1:8000', policy), origin)
})

t.test('a list is the whole truth, a star is everybody', async (t) => {
  const policy = { allowedOrigins: ['https://a.example.com'], allowLoopback: true }

  t.ok(originAllowed('https://a.example.com', 'b.example.com', policy))
  t.notOk(originAllowed('https://b.example.com', 'b.example.com', policy))
  t.notOk(originAllowed('http://localhost:3000', 'b.example.com', policy))
  t.ok(originAllowed('https://b.example.com', 'a.example.com', { ...policy, allowedOrigins: '*' }))
})
