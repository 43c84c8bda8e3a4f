const FIRST_MS = 500
const CAP_MS = 15_000

/** How long to wait before an attempt, the first being 1: any time up to a bound that doubles, so that clients do not come back together. */
export const backOffMs = (attempt) => Math.random() * Math.min(CAP_MS, FIRST_MS * 2 ** (attempt - 1))

/** Whether a close with this code means that the client is not to come back by itself. */
export const isFinalClose = (code) => code === 1008 || (code >= 4500 && code <= 4999)

/** Whether a refusal would be the same the next time; without a status there was none, only no connection. */
export const isFinalRefusal = ({ status }) => status >= 400 && status < 500 && status !== 429
