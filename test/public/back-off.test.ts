import { join } from 'node:path'
import t from 'tap'
import { root } from '../support/process.js'

const { backOffMs, isFinalClose, isFinalRefusal } = await import(join(root, 'public/back-off.js'))

t.test('which ends are final, and how long the page waits', async (t) => {
  const { random } = Math
  t.teardown(() => { Math.random = random })
  Math.random = () => 1

  t.strictSame([1, 2, 3, 6, 5000].map(backOffMs), [500, 1000, 2000, 15_000, 15_000])
  t.strictSame([1000, 1001, 1006, 1008, 1011, 4001, 4401, 4499, 4500, 4999].filter(isFinalClose), [1008, 4500, 4999])
  t.strictSame([undefined, 401, 403, 429, 500, 503].filter((status) => isFinalRefusal({ status })), [401, 403])
})
