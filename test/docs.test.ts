import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { render } from '../scripts/docs.js'

t.test('the tables of the README are those of the schemas', async (t) => {
  const text = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8')

  t.equal(text, render(text), 'npm run docs writes them')
})
