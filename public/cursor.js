import { showLastEvent } from './status.js'

/** The id of the newest notification that was received, or of the newest that there was when nothing was missed. */
let cursor

/** What to resume after; undefined: nothing. */
export const readCursor = () => cursor

export function moveCursor (id) {
  cursor = id
  showLastEvent(id)
}

export function forgetCursor () {
  moveCursor(undefined)
}
