import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const guide = readFileSync(join(import.meta.dirname, '../guide/guide.ru.md'), 'utf8')

/** The code blocks of the guide, each with the headings and the line right above it. */
export const blocks = [...guide.matchAll(/```(\w+)\n([\s\S]*?)```/g)].map(({ 1: language = '', 2: code = '', index = 0 }) => {
  const above = guide.slice(0, index).trimEnd().split('\n')
  return { language, code, label: above.at(-1) ?? '', heading: above.findLast((line) => /^#+ /.test(line))?.replace(/^#+ /, '') ?? '' }
})

/** The one block of a language under a heading; with a label where there are several. */
export function block (language: string, heading: string, label = ''): string {
  const found = blocks.filter((one) => one.language === language && one.heading === heading && one.label.includes(label))
  if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} blocks of ${language} under "${heading}" ${label}`)
  return found[0].code
}
