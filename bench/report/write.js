import { mkdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { FLOOR } from '../subjects.js'
import { drawChart } from './chart.js'

const folder = join(import.meta.dirname, '../results')

/** Writes what was measured. A run that is not whole does not replace what a whole one has left. */
export function write ({ machine, measured, whole }) {
  const results = Object.fromEntries(measured.map(({ figure, results }) => [figure.name, results]))
  const text = toMarkdown(machine, measured)
  const chart = results.broadcast?.[FLOOR] === undefined ? undefined : drawChart(results.broadcast)
  const latest = whole ? 'latest' : 'partial'
  const contents = {
    [`${whole ? machine.date.slice(0, 10) : 'partial'}.json`]: `${JSON.stringify({ machine, results }, null, 2)}\n`,
    [`${latest}.md`]: text,
    ...(chart !== undefined && { [`${latest}.svg`]: chart })
  }

  mkdirSync(folder, { recursive: true })
  const files = Object.entries(contents).map(([name, content]) => {
    const path = join(folder, name)
    writeFileSync(path, content)
    return relative(process.cwd(), path)
  })
  return { text, files }
}

function toMarkdown ({ date, cpu, cores, pinnedTo, kernel, node, versions }, measured) {
  const pinning = pinnedTo === null ? 'nothing pinned' : `server on core ${pinnedTo.server}, load on core ${pinnedTo.load}`
  const peers = Object.entries(versions).filter(([, version]) => version !== null).map(([name, version]) => `${name} ${version}`)
  return [
    '# What was measured',
    `${date.slice(0, 10)}, Node.js ${node}, ${kernel}, ${cores} cores (${cpu}), ${pinning}. Peers: ${peers.join('; ')}.`,
    'Medians of what was measured while the subjects took turns, with the lowest and the highest. Take the ratios, not the numbers.',
    ...measured.flatMap(({ figure, results }) => [`## ${figure.title}`, figure.report(results)])
  ].join('\n\n') + '\n'
}
