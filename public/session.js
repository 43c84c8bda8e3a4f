import { connect, socketUrl } from './connection.js'
import { clock } from './dom.js'
import { addEntry } from './log.js'
import { clearStats, showStats } from './stats.js'
import { clearCounts, clearSigns, showCounts, showHeartbeat, showRoundTrip, showUser } from './status.js'

/** What a close without a reason means (RFC 6455 §7.4.1). */
const closeReasons = { 1005: 'closed without a code', 1006: 'connection lost' }

let connection
let opened = false
let lastPing = 0
const pingTimes = new Map()
/** For each `get_stats` that is unanswered, whether the page asked by itself. */
let statsAsked = []

/** Opens the one connection of the page; `onState(state, detail)` hears how it goes. */
export function start (target, onState) {
  pingTimes.clear()
  statsAsked = []
  clearSigns()
  onState('connecting', 'waiting for the server')
  try {
    addEntry({ direction: 'event', type: 'connecting', value: { url: socketUrl(target.userId).href, token: target.tokenMode } })
    connection = connect(target, { onOpen, onMessage: receive, onClose, onRefuse })
  } catch (error) {
    onRefuse({ detail: error.message })
  }

  function onOpen () {
    opened = true
    addEntry({ direction: 'event', type: 'open' })
    onState('connected', `since ${clock(new Date())}`)
  }

  function onClose (code, reason) {
    end()
    addEntry({ direction: 'event', type: 'close', value: { code, reason }, failed: ![1000, 1005].includes(code) })
    onState('disconnected', `${code} · ${reason || closeReasons[code] || 'no reason given'}`)
  }

  function onRefuse (problem) {
    end()
    const state = problem.status === undefined ? 'failed' : 'refused'
    addEntry({ direction: 'event', type: state, value: problem, failed: true })
    onState(state, describeProblem(problem))
  }
}

function end () {
  connection = undefined
  opened = false
  clearCounts()
  clearStats()
}

/** Asks the server to close; a connection that is not open yet is given up. */
export function disconnect () {
  if (!opened) {
    connection?.cancel()
    return
  }
  send({ type: 'disconnect' })
  connection.closeSoon()
}

export function ping () {
  const id = ++lastPing
  pingTimes.set(id, performance.now())
  send({ type: 'ping', id })
}

/** In the background: because the page wants fresh counts, not because somebody asked. */
export function getStats ({ background }) {
  statsAsked.push(background)
  send({ type: 'get_stats' }, background)
}

function send (frame, background = false) {
  connection.send(frame)
  addEntry({ direction: 'out', type: frame.type, value: frame, background })
}

/** What a frame changes on the page, by its type; given its data and the whole of it. */
const handlers = new Map(Object.entries({
  connection_status (data) {
    showUser(data.user_id)
    showCounts(data)
    getStats({ background: true })
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

function receive (data) {
  const frame = parse(data)
  const type = typeof frame?.type === 'string' ? frame.type : undefined
  const background = type === 'heartbeat' || (type === 'stats' && statsAsked.shift() === true)
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

function describeProblem ({ status, code, title, detail }) {
  return [status, code, detail ?? title].filter((part) => part !== undefined).join(' · ')
}
