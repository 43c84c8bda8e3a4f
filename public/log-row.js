import { clock, element } from './dom.js'

/** Characters of JSON in a row; what is longer is seen whole when the row is opened. */
const LINE_LENGTH = 400

const directions = { in: '↓ in', out: '↑ out', event: 'event', rest: 'REST' }

/** The row of an entry: its element, and the text that a filter looks at. */
export function createRow (entry) {
  const { direction, type, value, failed, warning } = entry
  const json = oneLine(value)
  const row = element('li', 'entry')
  row.dataset.direction = direction
  row.dataset.type = type
  row.classList.toggle('failed', failed)
  row.classList.toggle('warning', warning)

  const details = element('details', '')
  details.append(createSummary(entry, json))
  details.addEventListener('toggle', () => {
    if (details.childElementCount === 1) details.append(element('pre', '', pretty(value)))
  })
  row.append(details)
  return { entry, element: row, searched: `${type} ${json}`.toLowerCase() }
}

function createSummary ({ time, direction, type, value }, json) {
  const summary = element('summary', '')
  const when = element('time', '', `${clock(time)}.${String(time.getMilliseconds()).padStart(3, '0')}`)
  when.dateTime = time.toISOString()
  summary.append(when, element('span', 'direction', directions[direction]), element('span', 'type', type))
  if (direction === 'in' && type === 'notification') summary.append(createNotification(value))
  summary.append(element('code', 'json', json.slice(0, LINE_LENGTH)))
  return summary
}

function createNotification ({ id, notification_type: kind, data }) {
  const notification = element('span', 'notification')
  const badge = element('span', 'badge', kind)
  badge.dataset.kind = kind
  notification.append(badge)
  if (isText(data?.title)) notification.append(element('strong', 'title', data.title))
  if (isText(id)) notification.append(element('code', 'id', id))
  if (isText(data?.content)) notification.append(element('span', 'content', data.content))
  return notification
}

const isText = (value) => typeof value === 'string' && value !== ''

function oneLine (value) {
  if (value === undefined) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function pretty (value) {
  if (value === undefined) return 'nothing more to show'
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2)
}
