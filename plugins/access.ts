import { randomBytes } from 'node:crypto'
import jwt, { type FastifyJWTOptions, type JWT, type VerifyOptions } from '@fastify/jwt'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest, HookHandlerDoneFunction, onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { type Claims, hasScope, type Identity, identify, type Scope, scopes, type SocketPolicy } from '../src/access/identity.js'
import type { Key, TokenHeader } from '../src/access/key-set.js'
import { isLoopback } from '../src/access/origins.js'
import { extractToken } from '../src/access/token.js'
import { AppError } from '../src/errors.js'

declare module 'fastify' {
  interface FastifyInstance {
    heraldAccess: Access
  }
}

export interface Access {
  /**
   * Who a socket at the address of this user (null: the anonymous one) is with this token, if it has one; a promise only where
   * a key has to be fetched. Throws what the upgrade is refused with.
   */
  identify: (userId: string | null, token: string | undefined) => Identity | Promise<Identity>
  /** A hook that lets only tokens with the scope pass, and has its name. */
  requireScope: (scope: Scope) => onRequestHookHandler & { scope: Scope }
  /** A token with every scope where the key is a random one, which nobody else can sign with. */
  developerToken: string | undefined
}

export interface AccessOptions extends Omit<SocketPolicy, 'namesForAll'> {
  /** Neither, and no key set: a random key for this run, and requests are taken on loopback only. */
  secret: string | undefined
  publicKey: string | undefined
  issuer: string | undefined
  audience: string | undefined
}

/** RFC 7518 §3.2. */
const MIN_SECRET_BYTES = 32

/** Tokens that are known to be signed with one key: a service posts with the same one many times. The library's own cache hashes each that it looks up. */
const MAX_VERIFIED = 1000

const accessPlugin: FastifyPluginAsync<AccessOptions> = async (fastify, options) => {
  const { secret, publicKey, issuer, audience, tokenRequired, allowAnonymous } = options
  const { heraldKeySet: keySet } = fastify
  const verified: Key['verified'] = new Map()
  if (secret !== undefined && Buffer.byteLength(secret) < MIN_SECRET_BYTES) {
    fastify.log.warn(`JWT_SECRET is shorter than ${MIN_SECRET_BYTES} bytes: it can be guessed`)
  }
  const keyed = secret !== undefined || publicKey !== undefined || keySet !== undefined
  const tokens = await registerJwt({
    secret: publicKey === undefined ? secret ?? randomBytes(32).toString('hex') : { public: publicKey },
    verify: {
      // Unless it says otherwise, the verifier takes just the algorithms of the kind of its key (RFC 8725 §3.1).
      ...(publicKey === undefined && { algorithms: ['HS256', 'HS384', 'HS512'] }),
      ...(issuer !== undefined && { allowedIss: issuer }),
      ...(audience !== undefined && { allowedAud: audience }),
      requiredClaims: [...(issuer === undefined ? [] : ['iss']), ...(audience === undefined ? [] : ['aud'])]
    }
  })

  /** The claims of a token that is good. Of a token of the key set, a promise while its key is being fetched. */
  function verify (token: string): Claims | Promise<Claims> {
    if (keySet === undefined) return verifyOnce(verified, token)
    const now = Date.now()
    const { header } = attempt(() => tokens.decode<{ header: TokenHeader }>(token, { complete: true })) ?? { header: { alg: 'none' } }
    const keys = keySet.find(header, now)
    return keys.length === 0 ? keySet.fetch(header, now).then((keys) => verifyWithOne(keys, token)) : verifyWithOne(keys, token)
  }

  /** Keys of one name may be two, while one takes the place of the other. */
  function verifyWithOne (keys: Key[], token: string): Claims {
    let failure = new AppError('token_invalid')
    for (const key of keys) {
      try {
        return verifyOnce(key.verified, token, { key: key.pem, algorithms: key.algorithms })
      } catch (error) {
        if (failure.code !== 'token_expired') failure = error as AppError
      }
    }
    throw failure
  }

  function verifyOnce (verified: Key['verified'], token: string, options?: Partial<VerifyOptions>): Claims {
    const known = verified.get(token)
    if (known !== undefined && (known.exp ?? Infinity) * 1000 >= Date.now()) return known

    const claims = attempt(() => tokens.verify<Claims>(token, options))
    if (verified.size >= MAX_VERIFIED) verified.clear()
    verified.set(token, claims)
    return claims
  }

  fastify.decorate<Access>('heraldAccess', {
    identify (userId, token) {
      const policy = { tokenRequired, allowAnonymous, namesForAll: !keyed }
      const claims = token === undefined ? undefined : verify(token)
      return claims instanceof Promise ? claims.then((claims) => identify(userId, claims, policy)) : identify(userId, claims, policy)
    },
    // Waits for nothing where nothing is to be fetched: publishing goes through it.
    requireScope: (scope) => Object.assign((request: FastifyRequest, _reply: FastifyReply, done: HookHandlerDoneFunction) => {
      const token = extractToken(request)
      if (token === undefined) throw new AppError('token_required')
      const check = (claims: Claims) => {
        if (!hasScope(claims, scope)) throw new AppError('scope_missing', `the token does not have the scope ${scope}`)
      }
      const claims = verify(token)
      if (claims instanceof Promise) {
        claims.then(check).then(() => { done() }, done)
      } else {
        check(claims)
        done()
      }
    }, { scope }),
    developerToken: keyed ? undefined : tokens.sign({ sub: 'my_user_id', scope: scopes.join(' '), ...(issuer !== undefined && { iss: issuer }), ...(audience !== undefined && { aud: audience }) })
  })

  if (!keyed) {
    fastify.addHook('onRequest', async ({ socket, ip, ips = [ip] }) => {
      // The address that was reached, and all from which a proxy says it was.
      for (const address of [socket.localAddress, ...ips]) if (address !== undefined && !isLoopback(address)) throw new AppError('key_required')
    })
  }

  /** The library, under names of its own: the application that this is part of may have it already, or others by its names, as `user`. */
  async function registerJwt (jwtOptions: FastifyJWTOptions): Promise<JWT> {
    const namespace = `herald_${randomBytes(4).toString('hex')}`
    await fastify.register(jwt, { ...jwtOptions, namespace, decoratorName: 'heraldClaims' })
    return (fastify.jwt as unknown as Record<string, JWT>)[namespace] as JWT
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

export default fp(accessPlugin, { name: 'access', fastify: '5.x', dependencies: ['key-set'] })
