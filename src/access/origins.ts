import { BlockList, isIP } from 'node:net'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Whether a host name or an address (`localhost`, `127.0.0.1`, `::1`, `::ffff:127.0.0.1`) is this machine's own. */
export function isLoopback (host: string): boolean {
  const family = isIP(host)
  if (family === 0) return host === 'localhost' || host.endsWith('.localhost')
  return loopback.check(host, family === 6 ? 'ipv6' : 'ipv4')
}

export function parseOrigin (origin: string): URL | undefined {
  return URL.canParse(origin) ? new URL(origin) : undefined
}

export interface OriginPolicy {
  /** Undefined: the request's own host, compared with its port. */
  allowedOrigins: string[] | '*' | undefined
  /** Whether pages from any port of this machine may connect too. */
  allowLoopback: boolean
}

/** Whether a page of this `Origin` may connect to and call the host that it reached (`Host`, with its port). */
export function originAllowed (origin: string, host: string, { allowedOrigins, allowLoopback }: OriginPolicy): boolean {
  if (allowedOrigins === '*') return true
  if (allowedOrigins !== undefined) return allowedOrigins.includes(origin)

  const url = parseOrigin(origin)
  if (url === undefined) return false
  if (allowLoopback && isLoopback(url.hostname.replace(/^\[|\]$/g, ''))) return true
  return url.host !== '' && url.host === parseOrigin(`${url.protocol}//${host}`)?.host
}
