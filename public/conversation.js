import { moveCursor } from './cursor.js'
import { addEntry } from './log.js'
import { showStats } from './stats.js'
import { showCounts, showHeartbeat, showRoundTrip, showUser } from './status.js'

let connection
let onWelcome
let onReconnect
let lastPing = 0
const pingTimes = new Map()
/** So many `stats` were asked for by somebody, and not only by the page. */
let statsWanted = 0

/** From here on it is this connection that is talked over; `onWelcome(data)` hears the data of its `connection_status`, `onReconnect(data)` that of a `reconnect`. */
export function begin (begun, whenWelcome, whenReconnect) {
  connection = begun
  onWelcome = whenWelcome
  onReconnect = whenReconnect
  pingTimes.clear()
  statsWanted = 0
}

export function ping () {
  const id = ++lastPing
  pingTimes.set(id, performance.now())
  send({ type: 'ping', id })
}

/** In the background: because the page wants fresh counts, not because somebody asked. */
export function getStats ({ background }) {
  if (!background) statsWanted++
  send({ type: 'get_stats' }, background)
}

export function sayDisconnect () {
  send({ type: 'disconnect' })
}

function send (frame, background = false) {
  connection.send(frame)
  addEntry({ direction: 'out', type: frame.type, value: frame, background })
}

/** What a frame changes on the page, by its type; given its data and the whole of it. */
const handlers = new Map(Object.entries({
  connection_status (data) {
    // Nothing is on its way that is older than this.
    if (data.replayed === 0) moveCursor(data.last_event_id)
    showUser(data.user_id)
    showCounts(data)
    onWelcome(data)
    getStats({ background: true })
  },

  notification (_data, { id }) {
    moveCursor(id)
  },

  reconnect (data) {
    onReconnect(data)
  },

  heartbeat () {
    showHeartbeat()
    getStats({ background: true })
  },

  pong (_data, { id }) {
    if (!pingTimes.has(id)) return
    showRoundTrip(performance.now() - pingTimes.get(id))
    pingTimes.delete(id)
  },

  stats (data) {
    showCounts(data)
    showStats(data)
  }
}))

/** Takes what the server sent. */
export function receive (data) {
  const frame = parse(data)
  const type = typeof frame?.type === 'string' ? frame.type : undefined
  const background = type === 'heartbeat' || (type === 'stats' && statsWanted === 0)
  if (type === 'stats' && !background) statsWanted--
  addEntry({ direction: 'in', type: type ?? 'not a frame', value: frame ?? data, failed: type === 'error' || type === undefined, background })
  handlers.get(type)?.(frame.data ?? {}, frame)
}

/** Undefined: it is not JSON. */
function parse (data) {
  if (typeof data !== 'string') return { binary: `${data.size} bytes` }
  try {
    return JSON.parse(data)
  } catch {
    return undefined
  }
}
