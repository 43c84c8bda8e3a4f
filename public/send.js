import { byId, element } from './dom.js'
import { addEntry } from './log.js'
import { post } from './rest.js'

const outcomeFields = ['id', 'online', 'connections', 'users', 'stored']
const problemFields = ['status', 'code', 'field']

/** An answer that comes sooner is not announced. */
const SHOW_SENDING_MS = 300

let sending = false
/** What was sent last and has no answer: sent again, it is the same call. */
let unanswered

byId('send-target').addEventListener('change', () => {
  const toOne = byId('send-target').value === 'notify'
  byId('send-user-field').hidden = !toOne
  byId('send-user').disabled = !toOne
  byId('send-exclude-field').hidden = toOne
})

byId('send-form').addEventListener('submit', async (event) => {
  event.preventDefault()
  if (sending || !byId('token').reportValidity()) return
  const { path, body } = readForm()
  sending = true
  const announced = setTimeout(() => { show('pending', 'Sending…', {}, []) }, SHOW_SENDING_MS)
  const type = byId('send-target').value
  const what = JSON.stringify([path, body])
  if (unanswered?.what !== what) unanswered = { what, key: newKey() }
  const { ok, status, answer } = await post(path, body, byId('token').value.trim(), unanswered.key)
  clearTimeout(announced)
  sending = false
  if (status !== undefined) unanswered = undefined
  addEntry({ direction: 'rest', type, value: { status, answer, path, body }, failed: !ok })
  if (ok) showOutcome(answer)
  else showProblem({ status, ...answer })
})

/** 32 hexadecimal digits; `randomUUID` is only there on a page that came over TLS, or from this machine. */
const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')

function readForm () {
  const body = {
    notification_type: byId('send-type').value,
    message: { title: byId('send-title').value, content: byId('send-content').value }
  }
  if (byId('send-target').value === 'notify') {
    return { path: `/notify/${encodeURIComponent(byId('send-user').value)}`, body }
  }
  const excluded = byId('send-exclude').value
  return { path: '/broadcast', body: excluded === '' ? body : { ...body, exclude_user: excluded } }
}

function showOutcome (outcome) {
  const { connections, user_id: userId } = outcome
  const nobody = userId === undefined ? 'nobody was' : `${userId} was not`
  const text = connections === 0 ? `Sent, but ${nobody} connected` : `Sent to ${connections} ${connections === 1 ? 'connection' : 'connections'}`
  show('success', text, outcome, outcomeFields)
}

function showProblem (problem) {
  show('problem', problem.detail ?? problem.title ?? 'The request failed', problem, problemFields)
}

function show (kind, text, values, fields) {
  const pairs = element('dl', 'pairs')
  for (const field of fields.filter((name) => values[name] !== undefined)) {
    const pair = element('div', '')
    pair.append(element('dt', '', field), element('dd', '', String(values[field])))
    pairs.append(pair)
  }
  byId('outcome').dataset.kind = kind
  byId('outcome').replaceChildren(element('p', '', text), pairs)
  byId('outcome').scrollIntoView({ block: 'nearest' })
}
