import { byId, element } from './dom.js'

/** Names that are drawn; the log has them all. */
const DRAWN_NAMES = 200

/** Shows the data of a `stats` frame. */
export function showStats ({ total_connections: total, user_connections: own, connected_users: users, truncated }) {
  const names = Array.isArray(users) ? users : []
  show(total, own, truncated ? `${names.length}, truncated` : names.length)

  const items = names.slice(0, DRAWN_NAMES).map((name) => element('li', '', name))
  if (names.length > DRAWN_NAMES) items.push(element('li', 'more', `and ${names.length - DRAWN_NAMES} more`))
  showNames(items)
}

export function clearStats () {
  show('–', '–', '–')
  showNames([])
}

function show (total, own, listed) {
  byId('stats-total').textContent = total
  byId('stats-own').textContent = own
  byId('stats-listed').textContent = listed
}

function showNames (items) {
  byId('stats-users').replaceChildren(...items)
  byId('stats-users').hidden = items.length === 0
}
