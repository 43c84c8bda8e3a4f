/** The subprotocol that a server and its clients speak; a client may offer `bearer.<jwt>` beside it. */
export const SUBPROTOCOL = 'herald.v1'

const BEARER_PROTOCOL = 'bearer.'

interface TokenCarrier {
  headers: { authorization?: string | undefined, 'sec-websocket-protocol'?: string | undefined }
  query: unknown
}

export const offeredProtocols = (header = ''): string[] => header.split(',').map((protocol) => protocol.trim())

/** The token of a request, from the first of: `Authorization: Bearer` (RFC 6750 §2.1), the subprotocol, `?token=`. */
export function extractToken ({ headers, query }: TokenCarrier): string | undefined {
  const { authorization, 'sec-websocket-protocol': protocols } = headers
  const bearer = /^Bearer(?: +(.*))?$/i.exec(authorization ?? '')
  if (bearer !== null) return bearer[1] ?? ''

  const offered = offeredProtocols(protocols).find((protocol) => protocol.startsWith(BEARER_PROTOCOL))
  if (offered !== undefined) return offered.slice(BEARER_PROTOCOL.length)

  return typeof query === 'object' && query !== null && 'token' in query ? String(query.token) : undefined
}

/** An address as it may be logged or shown: without its query, where a token may stand, and without one that stands where none belongs. */
export const withoutToken = (url: string): string =>
  url.replace(/\?.*/, '').replace(/eyJ[\w.%-]*/g, (text) => text.split(/\.|%2e/i).length > 2 ? '<token>' : text)
