import { getStats, ping } from './conversation.js'
import { byId } from './dom.js'
import { breakConnection, disconnect, start } from './session.js'
import { showState } from './status.js'
import { claimsOf, describeToken, takeTokenFromLink } from './token.js'
import './send.js'

let userBefore

byId('connect-form').addEventListener('submit', (event) => {
  event.preventDefault()
  start(readTarget(), onState)
})

byId('disconnect').addEventListener('click', disconnect)
byId('ping').addEventListener('click', ping)
byId('stats').addEventListener('click', () => { getStats({ background: false }) })
byId('break').addEventListener('click', breakConnection)

byId('anonymous').addEventListener('change', toggleAnonymous)
byId('token').addEventListener('input', useToken)
byId('token-show').addEventListener('click', toggleToken)

window.addEventListener('hashchange', useLink)
useLink()
showToken()

function readTarget () {
  const token = byId('token').value.trim()
  return {
    userId: byId('anonymous').checked ? null : byId('user').value,
    token,
    tokenMode: token === '' ? 'none' : byId('token-mode').value
  }
}

/** An anonymous socket has no user: the field is empty then, and gets back what it had. */
function toggleAnonymous () {
  const user = byId('user')
  user.disabled = byId('anonymous').checked
  if (user.disabled) userBefore = user.value
  user.value = user.disabled ? '' : userBefore
}

function onState (state) {
  showState(state)
  const connected = state.name === 'connected'
  const waiting = state.name === 'reconnecting'
  const busy = connected || state.name === 'connecting'
  const buttons = {
    connect: !busy,
    disconnect: busy || waiting,
    ping: connected,
    stats: connected,
    break: connected
  }
  const focused = document.activeElement.id
  for (const [id, enabled] of Object.entries(buttons)) byId(id).disabled = !enabled
  // A button that is disabled under the keyboard's focus would lose it to the top of the page.
  if (buttons[focused] === false) byId(buttons.disconnect ? 'disconnect' : 'connect').focus()
}

/** Takes over the token that the page was opened with, and the user it is of. */
function useLink () {
  const token = takeTokenFromLink()
  if (token === null) return

  byId('token').value = token
  byId('token-mode').value = 'subprotocol'
  const { sub } = claimsOf(token)
  if (typeof sub === 'string') {
    if (byId('anonymous').checked) byId('anonymous').click()
    byId('user').value = sub
    byId('send-user').value = sub
  }
  showToken()
}

/** Who brings a token means it to be used. */
function useToken () {
  if (byId('token-mode').value === 'none') byId('token-mode').value = 'subprotocol'
  showToken()
}

function showToken () {
  byId('token-about').textContent = describeToken(byId('token').value.trim())
}

function toggleToken () {
  const hidden = byId('token').type === 'password'
  byId('token').type = hidden ? 'text' : 'password'
  byId('token-show').textContent = hidden ? 'Hide' : 'Show'
  byId('token-show').setAttribute('aria-label', hidden ? 'Hide the token' : 'Show the token')
}
