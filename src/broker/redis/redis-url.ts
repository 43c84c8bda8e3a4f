import type { RedisOptions } from 'ioredis'

const FORM = 'redis://[user:password@]host[:port][/database][?sentinel=<name of the master>[&sentinel_password=<password>]], or rediss:'

const PARAMETERS = ['sentinel', 'sentinel_password']

const SENTINEL_PORT = 26_379

export const isRedisUrl = (url: string): boolean => /^rediss?:/.test(url)

/**
 * Where a `redis:` or `rediss:` URL leads. With `?sentinel=` the host is a Sentinel, which is asked where the master of that name is;
 * it names the other Sentinels. With `rediss:` all of them speak TLS. All of them have the same password, if they have one; user and password before the host are those of Redis.
 * @throws Error when the URL has another form
 */
export function readRedisUrl (text: string): RedisOptions {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const db = url === undefined ? undefined : /^\/?(\d*)$/.exec(url.pathname)?.[1]
  if (url === undefined || db === undefined || url.hostname === '') throw new Error(`it is not of the form ${FORM}`)
  const master = url.searchParams.get('sentinel')
  const sentinelPassword = url.searchParams.get('sentinel_password')
  const unknown = [...url.searchParams.keys()].find((name) => !PARAMETERS.includes(name))
  if (master === '' || (master === null && sentinelPassword !== null)) throw new Error(`its ?sentinel= names no master; it is of the form ${FORM}`)
  if (unknown !== undefined) throw new Error(`it has ?${unknown}=, and is of the form ${FORM}`)

  const host = url.hostname.replace(/^\[|\]$/g, '')
  const tls = url.protocol === 'rediss:' ? { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true } : {}
  return {
    ...(master === null
      ? { host, port: Number(url.port || 6379) }
      : { sentinels: [{ host, port: Number(url.port || SENTINEL_PORT) }], name: master, ...(sentinelPassword !== null && { sentinelPassword }) }),
    ...(url.username !== '' && { username: decodeURIComponent(url.username) }),
    ...(url.password !== '' && { password: decodeURIComponent(url.password) }),
    db: Number(db),
    ...tls
  }
}
