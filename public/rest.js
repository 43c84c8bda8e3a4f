import { base } from './connection.js'

/**
 * Posts JSON below the base and resolves with `{ok, status, answer}`, whatever happens.
 * `answer` is the outcome, or a problem (RFC 9457); without a status there was no answer.
 */
export async function post (path, body, token) {
  const headers = { 'content-type': 'application/json', ...(token !== '' && { authorization: `Bearer ${token}` }) }
  try {
    const response = await fetch(base + path, { method: 'POST', headers, body: JSON.stringify(body) })
    const { ok, status } = response
    return { ok, status, answer: await response.json().catch(() => ({ detail: 'The answer is not JSON' })) }
  } catch (error) {
    return { ok: false, answer: { detail: `There was no answer: ${error.message}` } }
  }
}
