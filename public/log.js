import { copy } from './clipboard.js'
import { byId } from './dom.js'
import { createRow } from './log-row.js'

/** Entries that are kept; the oldest go first. */
const LIMIT = 1000

/** Pixels from the end at which a reader still follows it. */
const NEAR_END = 24

const DRAW_MS = 16
const NOTICE_MS = 2500

const kinds = {
  all: () => true,
  'no-heartbeats': ({ background }) => !background,
  notifications: ({ direction, type }) => direction === 'in' && type === 'notification',
  errors: ({ failed, warning }) => failed || warning,
  events: ({ direction }) => direction === 'event' || direction === 'rest'
}

const list = byId('log')
/** What is in the list, oldest first. */
let rows = []
/** What is not in the list yet: for a moment, or as long as the log is paused. */
let waiting = []
let dropped = 0
let paused = false
let drawing = false
let noticeTimer

/**
 * Adds to the log.
 * @param entry `{direction: 'in' | 'out' | 'event' | 'rest', type, value?, failed?, warning?, background?}`;
 *   `background` is what goes on by itself, heartbeats and what they set off
 */
export function addEntry (entry) {
  waiting.push({ time: new Date(), failed: false, warning: false, background: false, ...entry })
  dropOldest(waiting)
  if (paused) showPause()
  else drawSoon()
}

/** Rows are added together, so that a burst costs one layout; by a timer, because a tab in the background has no frames to draw. */
function drawSoon () {
  if (drawing) return
  drawing = true
  setTimeout(() => {
    drawing = false
    if (!paused) draw()
  }, DRAW_MS)
}

function draw () {
  keepingTheEnd(() => {
    const added = waiting.map(createRow)
    waiting = []
    applyFilter(added)
    list.append(...added.map((row) => row.element))
    rows.push(...added)
    for (const { element } of dropOldest(rows)) element.remove()
  })
}

/** Takes the oldest items beyond the limit out of the array, and answers them. */
function dropOldest (items) {
  const removed = items.splice(0, items.length - LIMIT)
  dropped += removed.length
  return removed
}

function applyFilter (filtered) {
  const text = byId('log-filter').value.trim().toLowerCase()
  const isKind = kinds[byId('log-kind').value]
  for (const { entry, element, searched } of filtered) element.hidden = !isKind(entry) || !searched.includes(text)
}

/** Changes the list; a reader at its end stays at its end, another one stays where he is. */
function keepingTheEnd (change) {
  const following = isAtEnd()
  change()
  if (following) list.scrollTop = list.scrollHeight
  showLatestButton()
  showCount()
}

const isAtEnd = () => list.scrollTop + list.clientHeight >= list.scrollHeight - NEAR_END
const shownRows = () => rows.filter(({ element }) => !element.hidden)

function showLatestButton () {
  byId('log-latest').hidden = isAtEnd()
}

function showCount () {
  const shown = shownRows().length
  const total = `${rows.length} ${rows.length === 1 ? 'entry' : 'entries'}`
  byId('log-count').textContent = (shown === rows.length ? total : `${shown} of ${total}`) +
    (dropped > 0 ? `, ${dropped} older dropped` : '')
  byId('log-empty').hidden = shown > 0
  byId('log-empty').textContent = rows.length > 0 ? 'Nothing matches the filter.' : 'Connect, and every frame appears here.'
}

function showPause () {
  byId('log-pause').textContent = paused ? `Resume (${waiting.length})` : 'Pause'
  byId('log-pause').classList.toggle('active', paused)
}

function showNotice (text) {
  byId('log-notice').textContent = text
  clearTimeout(noticeTimer)
  noticeTimer = setTimeout(() => { byId('log-notice').textContent = '' }, NOTICE_MS)
}

function refilter () {
  keepingTheEnd(() => { applyFilter(rows) })
}

byId('log-filter').addEventListener('input', refilter)
byId('log-kind').addEventListener('change', refilter)

byId('log-pause').addEventListener('click', () => {
  paused = !paused
  showPause()
  if (!paused) draw()
})

byId('log-clear').addEventListener('click', () => {
  rows = []
  dropped = 0
  keepingTheEnd(() => { list.replaceChildren() })
})

byId('log-copy').addEventListener('click', async () => {
  const entries = shownRows().map(({ entry: { time, direction, type, value } }) => JSON.stringify({ time, direction, type, data: value }))
  const copied = await copy(entries.join('\n'))
  showNotice(copied ? `Copied ${entries.length}` : 'The browser did not allow it')
})

byId('log-latest').addEventListener('click', () => {
  list.scrollTop = list.scrollHeight
  list.focus()
})

list.addEventListener('scroll', showLatestButton, { passive: true })
