import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { Trouble } from '../broker/trouble.js'
import { AppError } from '../errors.js'
import type { Claims } from './identity.js'

export interface KeySetOptions {
  /** Where the set is (RFC 7517 §5). */
  url: string
  /** How long keys are used after they were fetched. They are fetched anew after a tenth of that. */
  keepMs: number
  /** `error` says why the keys cannot be fetched; undefined: they can again. */
  onTrouble: (error: unknown) => void
}

/** What is looked at of the header of a token (RFC 7515 §4.1). */
export interface TokenHeader {
  alg: string
  kid?: string
}

/** A key, and the tokens that were found to be signed with it. */
export interface Key {
  kid: unknown
  pem: string
  /** Those of the kind of key, or the one that the set names (RFC 8725 §3.1). */
  algorithms: Algorithm[]
  verified: Map<string, Claims>
}

const FETCH_TIMEOUT_MS = 3000
const MAX_SET_BYTES = 524_288
const MAX_KEYS = 100

const MIN_BACK_OFF_MS = 500
const MAX_BACK_OFF_MS = 5000

/** Fetches for keys that are not in the set: so many at once, and one more after each time that nothing was asked for. */
const SPARE_FETCHES = 5
const SPARE_EVERY_MS = 5000

/** RFC 7518 §3.1, RFC 8037 §3.1. */
const algorithmsOf = {
  rsa: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  prime256v1: ['ES256'],
  secp384r1: ['ES384'],
  secp521r1: ['ES512'],
  ed25519: ['EdDSA']
} as const
type Algorithm = typeof algorithmsOf[keyof typeof algorithmsOf][number]

const kinds = new Map<string | undefined, readonly Algorithm[]>(Object.entries(algorithmsOf))
const allAlgorithms: readonly string[] = Object.values(algorithmsOf).flat()

/** The public keys of an identity provider, fetched from its JWKS URL. */
export class KeySet {
  readonly #url: string
  readonly #keepMs: number
  readonly #trouble: Trouble
  readonly #closing = new AbortController()
  #keys: Key[] = []
  #fetchedAt = -Infinity
  #fetching: Promise<void> | undefined
  #failures = 0
  #nextAt = -Infinity
  #spare = SPARE_FETCHES
  #spareAt = 0

  constructor ({ url, keepMs, onTrouble }: KeySetOptions) {
    this.#url = url
    this.#keepMs = keepMs
    this.#trouble = new Trouble(onTrouble)
  }

  /**
   * The key that a token with this header is signed with, or several of the same name; none: it is not here.
   * A token that names no key is taken where just one fits it.
   * @throws AppError `token_invalid` when it cannot be in the set
   */
  find ({ alg, kid }: TokenHeader, now: number): Key[] {
    if (!allAlgorithms.includes(alg)) throw new AppError('token_invalid', 'The token algorithm is invalid.')
    if (!this.#isFresh(now)) return []
    const fitting = this.#keys.filter((key) => key.algorithms.some((name) => name === alg) && (kid === undefined || key.kid === kid))
    if (fitting.length > 1 && kid === undefined) throw new AppError('token_invalid', 'The token names no key, and several could be meant.')
    return fitting
  }

  /**
   * What `find` did not find, when the set was fetched anew.
   * @throws AppError `token_invalid` when it is not there, or was asked for too often; `keys_unavailable` when there are none
   */
  async fetch (header: TokenHeader, now: number): Promise<Key[]> {
    if (this.#fetching === undefined) {
      if (this.#failures > 0) throw new AppError('keys_unavailable')
      if (this.#isFresh(now) && !this.#takeSpare(now)) throw this.#notFound()
    }
    await this.refresh(now)
    if (this.#failures > 0) throw new AppError('keys_unavailable')
    const keys = this.find(header, now)
    if (keys.length === 0) throw this.#notFound()
    return keys
  }

  /** Fetches the set; many who ask at once share one fetch. Does not reject: a set that cannot be fetched is tried again by `maintain`. */
  refresh (now: number): Promise<void> {
    this.#fetching ??= this.#load(now).finally(() => { this.#fetching = undefined })
    return this.#fetching
  }

  /** Fetches the set when it is time to. To be called about twice a second. */
  maintain (now: number): Promise<void> | undefined {
    return now >= this.#nextAt || now < this.#fetchedAt ? this.refresh(now) : undefined
  }

  /** Why tokens may not be verified at the moment: there are no keys, or they could not be fetched more than once in a row. */
  problem (now: number): string | undefined {
    if (this.#isFresh(now) && this.#keys.length > 0 && this.#failures < 2) return undefined
    return `JWKS: ${this.#trouble.text ?? 'there is no key in the set that can be used'}`
  }

  /** Ends a fetch that is under way. */
  close (): void {
    this.#closing.abort()
  }

  async #load (now: number): Promise<void> {
    try {
      this.#keys = readKeys(await fetchJson(this.#url, AbortSignal.any([this.#closing.signal, AbortSignal.timeout(FETCH_TIMEOUT_MS)])))
      this.#fetchedAt = now
      this.#failures = 0
      this.#nextAt = now + (this.#keys.length > 0 ? this.#keepMs / 10 : MAX_BACK_OFF_MS)
      this.#trouble.note(undefined)
    } catch (error) {
      this.#nextAt = now + Math.min(MIN_BACK_OFF_MS * 2 ** this.#failures++, MAX_BACK_OFF_MS)
      if (!this.#closing.signal.aborted) this.#trouble.note(causeOf(error))
    }
  }

  /** Where the clock was put back, nobody knows. */
  #isFresh (now: number): boolean {
    return now >= this.#fetchedAt && now < this.#fetchedAt + this.#keepMs
  }

  /** A set without a key says nothing of a token. */
  #notFound (): AppError {
    return this.#keys.length === 0 ? new AppError('keys_unavailable') : new AppError('token_invalid', 'The key of the token is not known.')
  }

  #takeSpare (now: number): boolean {
    const earned = Math.floor((now - this.#spareAt) / SPARE_EVERY_MS)
    if (earned > 0) {
      this.#spare = Math.min(SPARE_FETCHES, this.#spare + earned)
      this.#spareAt = now
    }
    return this.#spare > 0 && this.#spare-- > 0
  }
}

async function fetchJson (url: string, signal: AbortSignal): Promise<unknown> {
  const response = await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/json' } })
  if (!response.ok) {
    await response.body?.cancel()
    throw new Error(`the answer has status ${response.status}`)
  }
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > MAX_SET_BYTES) throw new Error('the answer is too large')
    chunks.push(chunk)
  }
  return JSON.parse(Buffer.concat(chunks).toString())
}

/** What `fetch` says by itself is no more than that it failed. */
const causeOf = (error: unknown): unknown => error instanceof Error && error.cause instanceof Error ? error.cause : error

/** The keys of a set that signatures can be verified with; others that it has are passed over (RFC 7517 §5). */
function readKeys (set: unknown): Key[] {
  const { keys } = (set ?? {}) as { keys?: unknown }
  if (!Array.isArray(keys)) throw new Error('the answer is no set of keys')
  return keys.slice(0, MAX_KEYS).flatMap((jwk: JsonWebKey) => readKey(jwk) ?? [])
}

function readKey (jwk: JsonWebKey): Key | undefined {
  try {
    const { kid, alg, use = 'sig', key_ops: uses = ['verify'] } = jwk
    const key = createPublicKey({ key: jwk, format: 'jwk' })
    const ofItsKind = kinds.get(key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType) ?? []
    const algorithms = ofItsKind.filter((name) => alg === undefined || name === alg)
    if (use !== 'sig' || !Array.isArray(uses) || !uses.includes('verify') || algorithms.length === 0) return undefined
    return { kid, algorithms, pem: key.export({ type: 'spki', format: 'pem' }).toString(), verified: new Map() }
  } catch {
    return undefined
  }
}
