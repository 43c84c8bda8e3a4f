const SUBPROTOCOL = 'herald.v1'

/** How long the server has for its part: to close after a `disconnect`, to say why it refused. */
const PATIENCE_MS = 3000

/** When nothing was heard for so long, the server is asked for a sign of life: it sends a heartbeat more often than that, unless it is set otherwise. A socket that is not open by then is given up. */
const QUIET_MS = 30_000

/** Users of these names have sockets where a plain GET is answered by REST, or with this page. */
const REST_NAMES = ['stats', 'test', 'notify', 'broadcast']

/** Where the addresses of the service begin: the page is at `<base>/test`. */
export const base = window.location.pathname.replace(/\/test$/, '')

/** The address of the sockets of a user; null is the anonymous one. */
const socketPath = (userId) => userId === null ? base : `${base}/${encodeURIComponent(userId)}`

/**
 * Opens a socket and says what happens to it: `onOpen()`, `onMessage(data)`, `onQuiet()` when it is to ask for a sign of life, `onClose(code, reason)`,
 * and `onRefuse(problem)` in place of them all when it could not be opened. A browser waits long for a server that is gone without a word; this does not.
 * @param target `{userId, token, tokenMode: 'none' | 'subprotocol' | 'query'}`; a null user is an anonymous one
 * @param lastEventId what to resume after; undefined: nothing
 * @throws Error when a browser cannot even try
 */
export function connect (target, lastEventId, { onOpen, onMessage, onQuiet, onClose, onRefuse }) {
  const socket = createSocket(target, lastEventId)
  const cancelled = new AbortController()
  let opened = false
  let over = false
  let quiet = setTimeout(() => { socket.close() }, QUIET_MS)

  socket.addEventListener('open', () => {
    opened = true
    hear()
    onOpen()
  })
  socket.addEventListener('message', ({ data }) => {
    if (over) return
    hear()
    onMessage(data)
  })
  socket.addEventListener('close', async ({ code, reason }) => {
    clearTimeout(quiet)
    if (opened) {
      end(code, reason)
      return
    }
    const problem = await whyRefused(target, cancelled.signal)
    if (cancelled.signal.aborted) onClose(code, 'cancelled')
    else onRefuse(problem)
  })

  function hear () {
    clearTimeout(quiet)
    quiet = setTimeout(() => {
      quiet = setTimeout(giveUp, PATIENCE_MS)
      onQuiet()
    }, QUIET_MS)
  }

  function giveUp () {
    socket.close()
    end(1006, 'the server does not answer')
  }

  /** Once, whoever closes first. */
  function end (code, reason) {
    if (over) return
    over = true
    clearTimeout(quiet)
    onClose(code, reason)
  }

  return {
    send (frame) { socket.send(JSON.stringify(frame)) },

    /** Gives the server time to close first, when it said that it will after `afterMs`. */
    closeSoon (afterMs = 0) { setTimeout(giveUp, afterMs + PATIENCE_MS) },

    /** As near as a page comes to a connection that is lost: it closes without a word, and hears nothing from then on. */
    breakOff () {
      socket.close()
      end(1005, 'broken by this page')
    },

    cancel () {
      cancelled.abort()
      socket.close()
    }
  }
}

function createSocket ({ userId, token, tokenMode }, lastEventId) {
  const url = socketUrl(userId, lastEventId)
  if (tokenMode === 'none') return new WebSocket(url)

  if (tokenMode === 'query') {
    url.searchParams.set('token', token)
    return new WebSocket(url)
  }
  return new WebSocket(url, [SUBPROTOCOL, `bearer.${token}`])
}

/** The address of a socket, without a token. */
export function socketUrl (userId, lastEventId) {
  const url = new URL(socketPath(userId), window.location.href)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  if (lastEventId !== undefined) url.searchParams.set('last_event_id', lastEventId)
  return url
}

/** A browser is not told why a handshake failed, but the same address answers a plain GET with the same refusal. */
async function whyRefused ({ userId, token, tokenMode }, cancelled) {
  if (REST_NAMES.includes(userId)) return { detail: 'It could not be opened; for a user of this name a page cannot ask why' }

  const headers = tokenMode === 'none' ? {} : { authorization: `Bearer ${token}` }
  const signal = AbortSignal.any([cancelled, AbortSignal.timeout(PATIENCE_MS)])
  let response
  try {
    response = await fetch(socketPath(userId), { headers, cache: 'no-store', signal })
  } catch {
    return { detail: 'The server cannot be reached' }
  }

  if (response.ok || response.status === 426) {
    return { detail: 'The server would take this connection; a proxy, the network or the origin of this page stopped it' }
  }
  const { code, title, detail } = await response.json().catch(() => ({}))
  return { status: response.status, code, title, detail }
}
