import { AppError } from '../errors.js'

/** What a token may allow. */
export const scopes = ['notifications:publish', 'stats:read', 'connections:manage'] as const
export type Scope = typeof scopes[number]

/** The claims of a verified token that are looked at (RFC 7519 §4.1, RFC 8693 §4.2). */
export interface Claims {
  sub?: unknown
  scope?: unknown
  /** Seconds since 1970. */
  exp?: number
}

/** Who holds a socket. */
export interface Identity {
  /** Null: anonymous. */
  userId: string | null
  /** Whether `get_stats` tells the names of others. */
  seesNames: boolean
  /** When his token expires, in ms since 1970; undefined: never, or he has none. */
  expiresAt?: number | undefined
}

/** The last time that there is (ECMA-262 §21.4.1.1). */
const END_OF_TIME = 8.64e15

export interface SocketPolicy {
  /** Whether a socket needs a token, or only has it checked when it brings one. */
  tokenRequired: boolean
  allowAnonymous: boolean
  /** Whether everybody sees the names of others, whatever his scopes. */
  namesForAll: boolean
}

export const hasScope = (claims: Claims, scope: Scope): boolean =>
  typeof claims.scope === 'string' && claims.scope.split(' ').includes(scope)

/**
 * Who a socket at the address of `userId` (null: the anonymous one) is, given the claims of its token, if it brought one.
 * An anonymous one may bring the token of anybody, and stays anonymous.
 * @throws AppError `token_required`, `wrong_user`, `anonymous_forbidden`
 */
export function identify (userId: string | null, claims: Claims | undefined, policy: SocketPolicy): Identity {
  if (userId === null) {
    if (!policy.allowAnonymous) throw new AppError(claims === undefined ? 'token_required' : 'anonymous_forbidden')
  } else if (claims === undefined) {
    if (policy.tokenRequired) throw new AppError('token_required')
  } else if (claims.sub !== userId) {
    throw new AppError('wrong_user', typeof claims.sub === 'string' ? undefined : 'the token names no user: sub has to be one')
  }
  return {
    userId,
    seesNames: policy.namesForAll || (claims !== undefined && hasScope(claims, 'stats:read')),
    expiresAt: claims?.exp === undefined ? undefined : Math.min(claims.exp * 1000, END_OF_TIME)
  }
}
