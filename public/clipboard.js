/** Copies a text and says whether that worked. */
export async function copy (text) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return copyBySelection(text)
  }
}

/** For pages that are not served securely, where there is no `navigator.clipboard`. */
function copyBySelection (text) {
  const focused = document.activeElement
  const area = document.createElement('textarea')
  area.className = 'off-screen'
  area.value = text
  document.body.append(area)
  area.select()
  const copied = document.execCommand('copy')
  area.remove()
  focused?.focus()
  return copied
}
