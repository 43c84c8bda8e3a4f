/** The element of the page that has this id. */
export const byId = (id) => document.getElementById(id)

/** A new element; text is never markup here. */
export function element (tag, className, text = '') {
  const created = document.createElement(tag)
  created.className = className
  created.textContent = text
  return created
}

/** The time of day where the reader is, like 14:03:59. */
export const clock = (date) => date.toLocaleTimeString('en-GB')
