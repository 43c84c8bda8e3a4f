/** What a token says about itself, unverified; nothing if it is no JWT. */
export function claimsOf (token) {
  try {
    const payload = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')
    const bytes = Uint8Array.from(window.atob(payload), (char) => char.charCodeAt(0))
    return JSON.parse(new TextDecoder().decode(bytes)) ?? {}
  } catch {
    return {}
  }
}

/** The token in the fragment of the page's link, if there is one; it does not stay in the address bar. */
export function takeTokenFromLink () {
  const { hash, pathname, search } = window.location
  const token = new URLSearchParams(hash.slice(1)).get('token')
  if (token !== null) window.history.replaceState(null, '', pathname + search)
  return token
}

/** A line about a token, for people. */
export function describeToken (token) {
  if (token === '') return 'The link in the log of a server without a key brings one.'

  const { sub, scope, exp } = claimsOf(token)
  const parts = [
    sub !== undefined && `User ${sub}`,
    scope !== undefined && `scope ${scope}`,
    exp !== undefined && `expires ${new Date(exp * 1000).toLocaleString('en-GB')}`
  ].filter(Boolean)
  return parts.length > 0 ? parts.join(', ') : 'This does not look like a JWT.'
}
