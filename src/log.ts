import pretty from 'pino-pretty'
import { withoutToken } from './access/token.js'

/** Anybody can send a long address: more of it would only fill the log. */
const MAX_URL_CHARS = 256

/** The beginning of an address, without what may be a token. */
export const loggedUrl = (url: string): string => withoutToken(url).slice(0, MAX_URL_CHARS)

/** What the log says of a request. */
export const serializers: Record<string, (value: { method?: string, url?: string }) => { method: string, url: string }> = {
  req: ({ method = '', url = '' }) => ({ method, url: loggedUrl(url) })
}

/** The name that the id of a request has in the log. */
export const REQUEST_ID = 'request_id'

/** Options of the logger: JSON, or a readable line for a terminal. */
export function loggerOptions (level: string, terminal: boolean) {
  return {
    level,
    serializers,
    // Not pino's own file: it waits for ever to write its last line to a reader that is gone.
    stream: terminal ? pretty({ singleLine: true, translateTime: 'SYS:HH:MM:ss.l', ignore: `pid,hostname,${REQUEST_ID}`, sync: true }) : process.stdout
  }
}
