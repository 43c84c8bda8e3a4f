import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { TSchema } from '@sinclair/typebox'
import { type ErrorCode, errorEntry, errors } from '../src/errors.js'
import { clientFrames } from '../src/protocol/client-frames.js'
import { serverFrames } from '../src/protocol/server-frames.js'
import { SettingsSchema } from '../src/settings.js'

const readme = join(import.meta.dirname, '../README.md')

const row = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
const table = (head: string[], rows: string[][]) => [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n')
const code = (text: unknown) => `\`${String(text)}\``

/** Each table that stands in the README between `<!-- name -->` and `<!-- /name -->`. */
const tables: Record<string, () => string> = {
  settings: () => table(['name', 'default', 'what it is'], Object.entries<TSchema>(SettingsSchema.properties)
    .map(([name, { default: byDefault, description = '' }]) => [code(name), byDefault === undefined ? '–' : code(byDefault), description])),

  'client-frames': () => frameTable(clientFrames),
  'server-frames': () => frameTable(serverFrames),

  errors: () => table(['code', 'HTTP status', 'close code', 'what it says'], (Object.keys(errors) as ErrorCode[]).map((name) => {
    const { status, close, text } = errorEntry(name)
    return [code(name), String(status ?? ''), String(close ?? ''), text]
  }))
}

function frameTable (frames: Record<string, TSchema>): string {
  return table(['`type`', 'when', 'example'], Object.entries(frames)
    .map(([type, { description = '', examples }]) => [code(type), description, examples.map((example: unknown) => code(JSON.stringify(example))).join(' ')]))
}

/** A text with its tables made anew. */
export function render (text: string): string {
  return Object.entries(tables).reduce((current, [name, make]) => {
    const place = new RegExp(`<!-- ${name} -->[^]*?<!-- /${name} -->`)
    if (!place.test(current)) throw new Error(`there is no place for the table "${name}"`)
    return current.replace(place, () => `<!-- ${name} -->\n${make()}\n<!-- /${name} -->`)
  }, text)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writeFileSync(readme, render(readFileSync(readme, 'utf8')))
