import { AppError, type ErrorCode, errorEntry } from '../errors.js'
import { toProblem } from './problem.js'

/** How a token comes with a request (RFC 6750 §2.1). */
export const bearerScheme = {
  type: 'http',
  scheme: 'bearer',
  bearerFormat: 'JWT',
  description: '`sub` is the user; `scope` is what the token allows, separated by spaces. `?token=` works too, where nothing else does.'
} as const

/** What any address can be answered with, before anybody has looked at it. */
const anywhere = ['request_timeout', 'headers_too_large'] as const

/** What stands above the description of the addresses. */
export const intro = `Notifications over WebSocket: services POST them, to one user or to all, and whoever holds a socket gets them.
The frames are described in [asyncapi.json](/asyncapi.json).

An error is \`application/problem+json\` (RFC 9457). Every answer to a request that could be read has an \`X-Request-Id\`, which the log has too: that of the request, where it has one of up to 128 visible ASCII characters. Any address can also be answered ${anywhere.map((code) => `${errorEntry(code).status ?? ''} (\`${code}\`)`).join(' or ')}.`

/** What is sent along with a refusal of one of these codes. */
const headersFor = (codes: ErrorCode[], status: number): object => ({
  ...(codes.some((code) => errorEntry(code).challenge !== undefined) && { 'WWW-Authenticate': { type: 'string', description: '`Bearer`, and what is wrong with the token (RFC 6750 §3)' } }),
  ...(status === 426 && { Upgrade: { type: 'string', description: '`websocket`' } }),
  ...(codes.some((code) => errorEntry(code).retryAfter !== undefined) && {
    'Retry-After': { type: 'integer', minimum: 0, description: 'seconds after which it is worth trying again' }
  })
})

/** The responses for these codes, one for each status. */
export function refusals (codes: readonly ErrorCode[]): Record<string, object> {
  const statuses = new Set(codes.map((code) => errorEntry(code).status ?? 500).sort())
  return Object.fromEntries([...statuses].map((status) => {
    const own = [...new Set(codes)].filter((code) => (errorEntry(code).status ?? 500) === status)
    return [status, {
      description: own.map((code) => `\`${code}\`: ${errorEntry(code).text}`).join('\n\n'),
      headers: headersFor(own, status),
      content: {
        'application/problem+json': {
          schema: { $ref: '#/components/schemas/Problem' },
          examples: Object.fromEntries(own.map((code) => [code, { value: toProblem(new AppError(code)) }]))
        }
      }
    }]
  }))
}
