import { base } from './connection.js'

/** How long an answer is waited for: the server needs no more than two seconds. */
const PATIENCE_MS = 10_000

/**
 * Posts JSON below the base and resolves with `{ok, status, answer}`, whatever happens.
 * `answer` is the outcome, or a problem (RFC 9457); without a status there was no answer. Calls with the same idempotency key send once.
 */
export async function post (path, body, token, idempotencyKey) {
  const headers = { 'content-type': 'application/json', 'idempotency-key': idempotencyKey, ...(token !== '' && { authorization: `Bearer ${token}` }) }
  try {
    const response = await fetch(base + path, { method: 'POST', headers, body: JSON.stringify(body), signal: AbortSignal.timeout(PATIENCE_MS) })
    const { ok, status } = response
    return { ok, status, answer: await response.json().catch(() => ({ detail: 'The answer is not JSON' })) }
  } catch (error) {
    const detail = error.name === 'TimeoutError' ? 'There was no answer; to send again sends it once' : 'The server cannot be reached'
    return { ok: false, answer: { detail } }
  }
}
