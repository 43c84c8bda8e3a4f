import { backOffMs, isFinalClose, isFinalRefusal } from './back-off.js'
import { connect, socketUrl } from './connection.js'
import { begin, getStats, receive, sayDisconnect } from './conversation.js'
import { forgetCursor, readCursor } from './cursor.js'
import { clock } from './dom.js'
import { addEntry } from './log.js'
import { clearStats } from './stats.js'
import { clearCounts, clearSigns } from './status.js'

/** What a close without a reason means (RFC 6455 §7.4.1). */
const closeReasons = { 1005: 'closed without a code', 1006: 'connection lost' }

/** How a return went, by the `resume` of the `connection_status`. */
const returns = {
  caught_up: { type: 'caught up', about: '' },
  gap: { type: 'gap', about: 'something that was missed is no longer there', warning: true }
}

/** What to do about a refusal, by its code. */
const advice = {
  token_required: 'enter a token, and choose how the socket brings it',
  token_invalid: 'a server without a key has a new token whenever it starts: open the link in its log',
  wrong_user: 'a server without a key takes any user that brings no token'
}

let target
let report
let connection
let opened = false
let leaving = false
/** Attempts to come back since a connection was welcomed. */
let attempt = 0
/** Runs while the page waits for its next attempt. */
let waiting
/** When the server wants it back, by `performance.now()`; undefined: it did not say. */
let returnAt

/**
 * Opens the one connection of the page, which comes back by itself when it breaks; when it waits to do so for this user, or was refused then, it does so now.
 * `onState({name, detail, warning?, waitMs?})` hears how it goes.
 */
export function start (wanted, onState) {
  const resumes = readCursor() !== undefined && wanted.userId === target.userId
  if (!resumes) forget()
  stopWaiting()
  leaving = false
  target = wanted
  report = onState
  open()
}

/** Asks the server to close; a connection that is not open yet, or waits to come back, is given up. */
export function disconnect () {
  leaving = true
  if (waiting !== undefined) {
    stopWaiting()
    addEntry({ direction: 'event', type: 'cancelled' })
    stop('it does not come back by itself any more')
  } else if (opened) {
    sayDisconnect()
    connection.closeSoon()
  } else {
    connection?.cancel()
  }
}

/** Closes without telling the server or the rest of the page, which take it for a break. */
export function breakConnection () {
  connection.breakOff()
}

function open () {
  clearSigns()
  report({ name: 'connecting', detail: attempt === 0 ? 'waiting for the server' : `attempt ${attempt}` })
  const lastEventId = readCursor()
  try {
    addEntry({ direction: 'event', type: 'connecting', value: { url: socketUrl(target.userId, lastEventId).href, token: target.tokenMode } })
    connection = connect(target, lastEventId, { onOpen, onMessage: receive, onQuiet: () => { getStats({ background: true }) }, onClose, onRefuse })
    begin(connection, onWelcome, onReconnect)
  } catch (error) {
    addEntry({ direction: 'event', type: 'failed', value: { detail: error.message }, failed: true })
    report({ name: 'failed', detail: error.message })
  }
}

function onOpen () {
  opened = true
  addEntry({ direction: 'event', type: 'open' })
  reportConnected()
}

function onWelcome ({ resume, replayed }) {
  attempt = 0
  const { type, about, warning = false } = returns[resume] ?? {}
  if (type === undefined) return

  const count = `${replayed} replayed`
  const text = about === '' ? count : `${about}, ${count}`
  addEntry({ direction: 'event', type, value: text, warning })
  reportConnected(about === '' ? `${type}, ${text}` : `${type}: ${text}`, warning)
}

/** The server closes soon, and said when to come back: counted from here on. */
function onReconnect ({ after_ms: afterMs, reason }) {
  returnAt = performance.now() + afterMs
  connection.closeSoon(afterMs)
  report({ name: 'connected', detail: `${reason}: comes back in ${(afterMs / 1000).toFixed(1)} s`, warning: true })
}

function reportConnected (how, warning = false) {
  const since = `since ${clock(new Date())}`
  report({ name: 'connected', detail: how === undefined ? since : `${how} · ${since}`, warning })
}

function onClose (code, reason) {
  end()
  addEntry({ direction: 'event', type: 'close', value: { code, reason }, failed: ![1000, 1005].includes(code) })
  const detail = `${code} · ${reason || closeReasons[code] || 'no reason given'}`
  if (leaving || isFinalClose(code)) stop(detail)
  else comeBack(detail)
}

function onRefuse (problem) {
  end()
  const name = problem.status === undefined ? 'failed' : 'refused'
  addEntry({ direction: 'event', type: name, value: problem, failed: true })
  const why = describeProblem(problem)
  if (attempt === 0 || isFinalRefusal(problem)) report({ name, detail: problem.code in advice ? `${why} · ${advice[problem.code]}` : why })
  else comeBack(why)
}

function end () {
  connection = undefined
  opened = false
  clearCounts()
  clearStats()
}

/** What happens now is up to the reader. */
function stop (detail) {
  forget()
  report({ name: 'disconnected', detail })
}

function forget () {
  attempt = 0
  returnAt = undefined
  forgetCursor()
}

function comeBack (why) {
  attempt++
  const waitMs = returnAt === undefined ? backOffMs(attempt) : Math.max(0, returnAt - performance.now())
  returnAt = undefined
  addEntry({ direction: 'event', type: 'reconnecting', value: { attempt, wait_ms: Math.round(waitMs) } })
  report({ name: 'reconnecting', detail: `attempt ${attempt} · ${why}`, waitMs })
  waiting = setTimeout(() => {
    stopWaiting()
    open()
  }, waitMs)
}

function stopWaiting () {
  clearTimeout(waiting)
  waiting = undefined
}

function describeProblem ({ status, code, title, detail }) {
  return [status, code, detail ?? title].filter((part) => part !== undefined).join(' · ')
}
