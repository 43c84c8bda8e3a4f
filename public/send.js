import { byId, element } from './dom.js'
import { addEntry } from './log.js'
import { post } from './rest.js'

const outcomeFields = ['id', 'online', 'connections', 'users', 'stored']
const problemFields = ['status', 'code', 'field']

byId('send-target').addEventListener('change', () => {
  const toOne = byId('send-target').value === 'notify'
  byId('send-user-field').hidden = !toOne
  byId('send-user').disabled = !toOne
  byId('send-exclude-field').hidden = toOne
})

byId('send-form').addEventListener('submit', async (event) => {
  event.preventDefault()
  const { path, body } = readForm()
  const { ok, status, answer } = await post(path, body, byId('token').value.trim())
  addEntry({ direction: 'rest', type: byId('send-target').value, value: { status, answer, path, body }, failed: !ok })
  if (ok) showOutcome(answer)
  else showProblem({ status, ...answer })
})

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
  const { connections } = outcome
  const text = connections === 0 ? 'Sent, but nobody was connected' : `Sent to ${connections} ${connections === 1 ? 'connection' : 'connections'}`
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
