import { timesAs } from '../measure/statistics.js'
import { subjectOf } from '../subjects.js'

/** A Markdown table; all columns but the first are aligned to the right. */
export function table (headers, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(headers), line(headers.map((_, i) => i === 0 ? '---' : '---:')), ...rows.map(line)].join('\n')
}

const rounded = (value, digits) => value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })

/** The median of a summary, with its spread unless there is none to see. */
export function shown (summary, digits = 1) {
  if (summary === undefined) return '–'
  const [median, min, max] = [summary.median, summary.min, summary.max].map((value) => rounded(value, digits))
  return min === max ? median : `${median} (${min}–${max})`
}

/** How many times `other` a summary is. */
export function ratio (summary, other) {
  return shown(summary === undefined || other === undefined ? undefined : timesAs(summary, other), 2)
}

/** The cases of a figure, from the first subject that was measured. */
export const casesOf = (results) => Object.keys(Object.values(results).find(({ failed }) => failed === undefined) ?? {})

/** One row per subject: its title, and the cells that `cells(result, name)` makes of it. */
export function rowsOf (results, cells) {
  return Object.entries(results).map(([name, result]) => {
    const { title } = subjectOf(name)
    return result.failed === undefined ? [title, ...cells(result, name)] : [title, `failed: ${result.failed.replaceAll(/\s+/g, ' ').slice(0, 200)}`]
  })
}
