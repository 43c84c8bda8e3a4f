import { withoutToken } from './access/token.js'

interface ErrorEntry {
  /** HTTP status of a refusal that has this code. */
  status?: number
  /** WebSocket close code (RFC 6455 §7.4) of a connection that ends for this reason. */
  close?: number
  /** Seconds, sent as `Retry-After`. */
  retryAfter?: number
  /** What is said as `WWW-Authenticate` (RFC 6750 §3). */
  challenge?: string
  /** Title of the problem, and reason of the close: at most 123 bytes (RFC 6455 §5.5.1). */
  text: string
}

/** Every way a request, a frame or a connection can fail: the one place for its status, close code and text. */
export const errors = {
  disconnect: { close: 1000, text: 'The client asked to disconnect' },
  shutting_down: { status: 503, close: 1001, retryAfter: 5, text: 'The server is going away' },
  protocol_error: { close: 1002, text: 'The client broke the WebSocket protocol' },
  binary_frame: { close: 1003, text: 'Frames are text' },
  invalid_utf8: { status: 400, close: 1007, text: 'The text is not valid UTF-8' },
  too_many_errors: { close: 1008, text: 'Too many frames in a row were not accepted' },
  too_many_pieces: { close: 1008, text: 'A message came in too many pieces' },
  too_large: { status: 413, close: 1009, text: 'The body or the frame is too large' },
  internal_error: { status: 500, close: 1011, text: 'An error of the server' },
  slow_consumer: { close: 4001, text: 'slow_consumer: too much waited for this connection' },
  heartbeat_timeout: { close: 4002, text: 'heartbeat_timeout: nothing was heard from this connection' },
  rate_limited: { close: 4029, text: 'rate_limited: too many frames a second' },
  token_expired: { status: 401, challenge: 'Bearer error="invalid_token"', close: 4401, text: 'token_expired: the token has expired' },
  disconnected_by_operator: { close: 4503, text: 'disconnected_by_operator: an operator has ended this connection' },

  invalid_json: { status: 400, text: 'This is not acceptable JSON' },
  invalid_frame: { text: 'The frame does not have the form of its type' },
  unknown_type: { text: 'There is no such type of frame' },
  auth_pending: { text: 'A token of this connection is being checked already' },

  invalid_url: { status: 400, text: 'The address is not percent-encoded UTF-8' },
  invalid_request: { status: 400, text: 'The request does not have the required form' },
  token_required: { status: 401, challenge: 'Bearer', text: 'A token is required' },
  token_invalid: { status: 401, challenge: 'Bearer error="invalid_token"', text: 'The token is not valid' },
  wrong_user: { status: 403, challenge: 'Bearer error="insufficient_scope"', text: 'The token is of another user' },
  scope_missing: { status: 403, challenge: 'Bearer error="insufficient_scope"', text: 'The token does not have the scope' },
  anonymous_forbidden: { status: 403, text: 'Anonymous connections are not allowed' },
  origin_forbidden: { status: 403, text: 'Pages of this origin may not connect' },
  key_required: { status: 403, text: 'Without a key the service answers on loopback only' },
  not_found: { status: 404, text: 'There is nothing at this address' },
  request_timeout: { status: 408, text: 'The request did not arrive in time' },
  unsupported_media_type: { status: 415, text: 'The body has to be application/json' },
  idempotency_mismatch: { status: 422, text: 'The idempotency key belongs to a call with another body' },
  upgrade_required: { status: 426, text: 'This address is a WebSocket' },
  headers_too_large: { status: 431, text: 'The headers are too large' },
  connecting_too_fast: { status: 429, retryAfter: 1, text: 'Too many new connections a second from this address' },
  too_many_connections: { status: 429, text: 'This user has too many connections' },
  journal_unavailable: { status: 503, retryAfter: 1, text: 'The notification cannot be kept at the moment, and was not sent' },
  keys_unavailable: { status: 503, retryAfter: 5, text: 'The keys that tokens are verified with cannot be fetched at the moment' },
  not_ready: { status: 503, retryAfter: 1, text: 'The server cannot do its work at the moment' },
  server_full: { status: 503, retryAfter: 5, text: 'The server has as many connections as it may' }
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof errors

/** The codes that end a connection. */
export type CloseCode = { [C in ErrorCode]: (typeof errors)[C] extends { close: number } ? C : never }[ErrorCode]

export const errorEntry = (code: ErrorCode): ErrorEntry => errors[code]

export const errorCodes = Object.keys(errors) as ErrorCode[]
export const closeCodes = errorCodes.filter((code): code is CloseCode => errorEntry(code).close !== undefined)

/** A fault of the caller, or a refusal: `detail` is shown to him, `field` is what it is about. Fastify answers one that nobody catches with its `statusCode`. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly field: string | undefined

  constructor (code: ErrorCode, detail?: string, field?: string) {
    super(detail ?? errors[code].text)
    this.name = 'AppError'
    this.code = code
    this.field = field
  }

  get statusCode (): number { return errorEntry(this.code).status ?? 500 }
}

/** What answers a request at an address that there is not. */
export const notFound = (method: string, url: string): AppError => new AppError('not_found', `there is no ${method} ${withoutToken(url)}`)
