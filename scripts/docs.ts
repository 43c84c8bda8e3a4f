import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { TSchema } from '@sinclair/typebox'
import { errorCodes, errorEntry } from '../src/errors.js'
import { clientFrames } from '../src/protocol/client-frames.js'
import { BroadcastOutcomeSchema, DisconnectOutcomeSchema, NotifyOutcomeSchema, StatsReplySchema } from '../src/protocol/rest.js'
import { serverFrames } from '../src/protocol/server-frames.js'
import { SettingsSchema } from '../src/settings.js'
import { describeMetrics } from './metrics.js'

/** Where the tables stand. */
const documents = ['README.md', 'docs/metrics.md'].map((name) => join(import.meta.dirname, '..', name))
const bench = join(import.meta.dirname, '../bench')

const row = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
const table = (head: string[], rows: string[][]) => [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n')
const code = (text: unknown) => `\`${String(text)}\``

/** Each table that stands in one of the documents between `<!-- name -->` and `<!-- /name -->`. */
const tables: Record<string, () => string> = {
  settings: () => table(['name', 'default', 'what it is'], Object.entries<TSchema>(SettingsSchema.properties)
    .map(([name, { default: byDefault, description = '' }]) => [code(name), byDefault === undefined ? '–' : code(byDefault), description])),

  answers: () => table(['', 'is answered with'], Object.entries<TSchema>(answers).map(([name, { examples }]) => [name, code(JSON.stringify(examples[0]))])),

  'client-frames': () => frameTable(clientFrames),
  'server-frames': () => frameTable(serverFrames),

  errors: () => table(['code', 'HTTP status', 'close code', 'what it says'], errorCodes.map((name) => {
    const { status, close, text } = errorEntry(name)
    return [code(name), String(status ?? ''), String(close ?? ''), text]
  })),

  metrics: () => table(['name', 'type', 'labels', 'what it says'], metrics
    .map(({ name, type, labels, help }) => [code(name), type, labels.map(code).join(', '), help])),

  bench: () => {
    const { broadcast, memory } = newestResults()
    const floor = broadcast['uwebsockets']
    return table(
      ['', 'µs per message', 'times the floor', 'µs in a burst of 10', 'times the floor', 'KB per idle connection'],
      Object.entries(broadcast).map(([name, cases]) => [
        titles[name] ?? name,
        ...['1', '10'].flatMap((perTurn) => [median(cases, perTurn, 'total', 2), times(cases, floor, perTurn)]),
        median(memory[name], '10000', 'kbEach', 1)
      ])
    )
  }
}

const answers = {
  '`POST` to a user': NotifyOutcomeSchema,
  '`POST` to all': BroadcastOutcomeSchema,
  '`GET` of the statistics': StatsReplySchema,
  '`DELETE`': DisconnectOutcomeSchema
}

interface Summary { median: number, samples: number[] }

/** A metric by case, for each subject. */
type Figure = Record<string, Record<string, Record<string, Summary>>>

const metrics = await describeMetrics()

const { subjects } = await import(pathToFileURL(join(bench, 'subjects.js')).href) as { subjects: Array<{ name: string, title: string }> }
const titles = Object.fromEntries(subjects.map(({ name, title }) => [name, title]))

const { timesAs } = await import(pathToFileURL(join(bench, 'measure/statistics.js')).href) as { timesAs: (one: Summary, others: Summary) => Summary }

function newestResults (): { broadcast: Figure, memory: Figure } {
  const file = readdirSync(join(bench, 'results')).filter((name) => /^\d.*\.json$/.test(name)).sort().at(-1) ?? ''
  return JSON.parse(readFileSync(join(bench, 'results', file), 'utf8')).results
}

const median = (cases: Figure[string] | undefined, name: string, metric: string, digits: number): string => (cases?.[name]?.[metric]?.median ?? NaN).toFixed(digits)

function times (cases: Figure[string], floor: Figure[string] | undefined, name: string): string {
  const [one, others] = [cases, floor].map((figure) => figure?.[name]?.['total'])
  return one === undefined || others === undefined ? '–' : timesAs(one, others).median.toFixed(2)
}

function frameTable (frames: Record<string, TSchema>): string {
  return table(['`type`', 'when', 'example'], Object.entries(frames)
    .map(([type, { description = '', examples }]) => [code(type), description, examples.map((example: unknown) => code(JSON.stringify(example))).join(' ')]))
}

/** The documents, by their path, with their tables made anew. */
export function render (): Record<string, string> {
  const texts = Object.fromEntries(documents.map((path) => [path, readFileSync(path, 'utf8')]))
  for (const [name, make] of Object.entries(tables)) {
    const place = new RegExp(`<!-- ${name} -->[^]*?<!-- /${name} -->`)
    const [path, text] = Object.entries(texts).find(([, text]) => place.test(text)) ?? []
    if (path === undefined || text === undefined) throw new Error(`there is no place for the table "${name}"`)
    texts[path] = text.replace(place, () => `<!-- ${name} -->\n${make()}\n<!-- /${name} -->`)
  }
  return texts
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const [path, text] of Object.entries(render())) writeFileSync(path, text)
}
