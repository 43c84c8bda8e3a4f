import { readFileSync } from 'node:fs'
import t from 'tap'
import { render } from '../scripts/docs.js'

t.test('the tables of the documents are those of the schemas and of the registry', async (t) => {
  for (const [path, text] of Object.entries(render())) t.equal(readFileSync(path, 'utf8'), text, `${path}: npm run docs writes them`)
})
