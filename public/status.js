import { byId, clock } from './dom.js'

const NONE = '–'

const names = {
  disconnected: 'Disconnected',
  connecting: 'Connecting',
  connected: 'Connected',
  refused: 'Refused',
  failed: 'Failed'
}

let lastHeartbeat

setInterval(showHeartbeatAge, 1000)

export function showState (state, detail) {
  byId('state').textContent = names[state]
  byId('state').dataset.state = state
  byId('state-detail').textContent = detail
  byId('state-detail').title = detail
}

/** Whose connection it is; null: anonymous. */
export function showUser (userId) {
  byId('connected-user').textContent = userId ?? 'anonymous'
  byId('connected-user').title = userId ?? ''
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
