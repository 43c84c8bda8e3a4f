import type { RedisOptions } from 'ioredis'

const FORM = 'redis://[user:password@]host[:port][/database][?sentinel=<name of the master>], or rediss:'

const SENTINEL_PORT = 26_379

export const isRedisUrl = (url: string): boolean => /^rediss?:/.test(url)

/**
 * Where a `redis:` or `rediss:` URL leads. With `?sentinel=` the host is a Sentinel, which is asked where the master of that name is;
 * it names the other Sentinels.
 * @throws Error when the URL has another form
 */
export function readRedisUrl (text: string): RedisOptions {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const db = url === undefined ? undefined : /^\/?(\d*)$/.exec(url.pathname)?.[1]
  if (url === undefined || db === undefined || url.hostname === '') throw new Error(`it is not of the form ${FORM}`)
  const master = url.searchParams.get('sentinel')
  const unknown = [...url.searchParams.keys()].find((name) => name !== 'sentinel')
  if (master === '') throw new Error(`its ?sentinel= names no master: ${FORM}`)
  if (unknown !== undefined) throw new Error(`it has ?${unknown}=, and is of the form ${FORM}`)

  const host = url.hostname.replace(/^\[|\]$/g, '')
  const tls = url.protocol === 'rediss:' ? { tls: {}, enableTLSForSentinelMode: true } : {}
  return {
    ...(master === null
      ? { host, port: Number(url.port || 6379) }
      : { sentinels: [{ host, port: Number(url.port || SENTINEL_PORT) }], name: master }),
    ...(url.username !== '' && { username: decodeURIComponent(url.username) }),
    ...(url.password !== '' && { password: decodeURIComponent(url.password) }),
    db: Number(db),
    ...tls
  }
}
