import { AppError } from '../errors.js'
import type { Claims } from './identity.js'
import type { Key, KeySet, TokenHeader } from './key-set.js'

/** What reads and verifies one token: the library. What it throws has a `code`. */
export interface Jwt {
  headerOf: (token: string) => TokenHeader | undefined
  /** With this key, or the one that there is. */
  verify: (token: string, key?: { key: string, algorithms: Key['algorithms'] }) => Claims
}

/** Tokens that are known to be signed with one key: a service posts with the same one many times. The library's own cache hashes each that it looks up. */
const MAX_VERIFIED = 1000

/** Finds out whether a token is good: signed with the one key, or with one of a key set. */
export class Verifier {
  readonly #jwt: Jwt
  readonly #keySet: KeySet | undefined
  readonly #verified: Key['verified'] = new Map()

  constructor (jwt: Jwt, keySet: KeySet | undefined) {
    this.#jwt = jwt
    this.#keySet = keySet
  }

  /**
   * The claims of a token that is good. Of a token of the key set, a promise while its key is being fetched.
   * @throws AppError `token_expired`, `token_invalid`; `keys_unavailable`
   */
  verify (token: string): Claims | Promise<Claims> {
    const keySet = this.#keySet
    if (keySet === undefined) return this.#verifyOnce(this.#verified, token)
    const now = Date.now()
    const header = attempt(() => this.#jwt.headerOf(token)) ?? { alg: 'none' }
    const keys = keySet.find(header, now)
    return keys.length === 0 ? keySet.fetch(header, now).then((keys) => this.#verifyWithOne(keys, token)) : this.#verifyWithOne(keys, token)
  }

  /** Keys of one name may be two, while one takes the place of the other. */
  #verifyWithOne (keys: Key[], token: string): Claims {
    let failure = new AppError('token_invalid')
    for (const { verified, pem: key, algorithms } of keys) {
      try {
        return this.#verifyOnce(verified, token, { key, algorithms })
      } catch (error) {
        if (failure.code !== 'token_expired') failure = error as AppError
      }
    }
    throw failure
  }

  #verifyOnce (verified: Key['verified'], token: string, key?: Parameters<Jwt['verify']>[1]): Claims {
    const known = verified.get(token)
    if (known !== undefined && (known.exp ?? Infinity) * 1000 >= Date.now()) return known

    const claims = attempt(() => this.#jwt.verify(token, key))
    if (verified.size >= MAX_VERIFIED) verified.clear()
    verified.set(token, claims)
    return claims
  }
}

/** @throws AppError `token_expired`, `token_invalid` in place of what the library throws */
function attempt<T> (read: () => T): T {
  try {
    return read()
  } catch (error) {
    const { code, message } = error as { code?: string, message?: string }
    throw new AppError(code === 'FAST_JWT_EXPIRED' ? 'token_expired' : 'token_invalid', message)
  }
}
