import { randomBytes } from 'node:crypto'
import { withoutToken } from './access/token.js'

/** What may stand in a log line and in a header. */
const fit = /^[\x21-\x7e]{1,128}$/

/** Ids of requests: the caller's `X-Request-Id` where it is fit to be one, and no token, or else one that no other process gives. */
export function requestIds (): (request: { headers: NodeJS.Dict<string | string[]> }) => string {
  const prefix = randomBytes(4).toString('hex')
  let last = 0
  return ({ headers }) => {
    const given = headers['x-request-id']
    return typeof given === 'string' && fit.test(given) && given === withoutToken(given) ? given : `${prefix}-${(++last).toString(36)}`
  }
}
