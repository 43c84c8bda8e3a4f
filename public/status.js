import { byId, clock } from './dom.js'

const NONE = '–'

const names = {
  disconnected: 'Disconnected',
  connecting: 'Connecting',
  connected: 'Connected',
  reconnecting: 'Reconnecting',
  refused: 'Refused',
  failed: 'Failed'
}

let lastHeartbeat
let countdown

setInterval(showHeartbeatAge, 1000)

/**
 * Shows how the connection is.
 * @param state `{name, detail, warning?, waitMs?}`; `waitMs` is the time until something happens, and is counted down
 */
export function showState ({ name, detail, warning = false, waitMs }) {
  byId('state-name').textContent = names[name]
  byId('state').dataset.state = name
  byId('state-detail').textContent = detail
  byId('state-detail').title = detail
  byId('state-detail').classList.toggle('warning', warning)
  showCountdown(waitMs)
}

/** Beside the state, and not for screen readers, which would say every second of it. */
function showCountdown (ms) {
  clearInterval(countdown)
  byId('state-countdown').textContent = ''
  if (ms === undefined) return

  const due = Date.now() + ms
  const show = () => { byId('state-countdown').textContent = ` in ${Math.max(1, Math.ceil((due - Date.now()) / 1000))} s` }
  show()
  countdown = setInterval(show, 1000)
}

/** Whose connection it is; null: anonymous. */
export function showUser (userId) {
  byId('connected-user').textContent = userId ?? 'anonymous'
  byId('connected-user').title = userId ?? ''
}

/** What the page would resume after; undefined: nothing. */
export function showLastEvent (id = '') {
  byId('last-event').textContent = id || NONE
  byId('last-event').title = id
}

export function showCounts ({ total_connections: total, user_connections: own }) {
  if (total !== undefined) byId('total-connections').textContent = total
  if (own !== undefined) byId('user-connections').textContent = own
}

export function showHeartbeat () {
  lastHeartbeat = new Date()
  showHeartbeatAge()
}

export function showRoundTrip (ms) {
  byId('round-trip').textContent = `${ms.toFixed(1)} ms`
}

/** Forgets what is only true of an open connection. */
export function clearCounts () {
  for (const id of ['connected-user', 'total-connections', 'user-connections']) {
    byId(id).textContent = NONE
    byId(id).title = ''
  }
}

/** Forgets the signs of life of the connection before. */
export function clearSigns () {
  lastHeartbeat = undefined
  byId('last-heartbeat').textContent = NONE
  byId('round-trip').textContent = NONE
}

function showHeartbeatAge () {
  if (lastHeartbeat === undefined) return

  const seconds = Math.round((Date.now() - lastHeartbeat) / 1000)
  byId('last-heartbeat').textContent = `${clock(lastHeartbeat)}, ${seconds} s ago`
}
