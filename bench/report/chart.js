import { subjectOf } from '../subjects.js'

const WIDTH = 760
const LABELS = 262
const BAR = 16
const GAP = 18
const TOP = 92
const SERIES = [
  { perTurn: 1, color: '#2f6f9f', text: '1 message per turn of the event loop' },
  { perTurn: 10, color: '#e0913a', text: '10 messages per turn' }
]

const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** A bar chart (SVG) of the CPU per delivery; it brings its own background, for pages that are light or dark. */
export function drawChart (results) {
  const rows = Object.entries(results).filter(([, { failed }]) => failed === undefined)
  const most = Math.max(...rows.flatMap(([, result]) => SERIES.map(({ perTurn }) => result[perTurn].total.median)))
  const scale = (WIDTH - LABELS - 90) / most
  const height = TOP + rows.length * (2 * BAR + GAP) + 8

  const bars = rows.map(([name, result], row) => {
    const y = TOP + row * (2 * BAR + GAP)
    return `<text x="${LABELS - 12}" y="${y + BAR + 5}" text-anchor="end"${name === 'herald' ? ' font-weight="bold"' : ''}>${escape(subjectOf(name).title)}</text>
${SERIES.map(({ perTurn, color }, i) => drawBar(result[perTurn].total.median, y + i * BAR, scale, color)).join('\n')}`
  })
  const legend = SERIES.map(({ color, text }, i) => `<rect x="${24 + i * 290}" y="54" width="12" height="12" rx="2" fill="${color}"/>
<text x="${42 + i * 290}" y="65">${text}</text>`)

  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="system-ui, sans-serif" font-size="14" fill="#333">
<title>CPU of the server per delivered message</title>
<rect width="${WIDTH}" height="${height}" rx="8" fill="#fafafa" stroke="#ddd"/>
<text x="24" y="34" font-size="17" font-weight="bold">CPU per delivered message, µs: broadcast to 1,000 sockets (less is better)</text>
${[...legend, ...bars].join('\n')}
</svg>
`
}

function drawBar (value, y, scale, color) {
  const width = Math.max(1, value * scale).toFixed(1)
  return `<rect x="${LABELS}" y="${y}" width="${width}" height="${BAR - 2}" rx="2" fill="${color}"/>
<text x="${LABELS + Number(width) + 6}" y="${y + BAR - 4}" font-size="12">${value.toFixed(value < 10 ? 2 : 1)}</text>`
}
