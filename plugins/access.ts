import { randomBytes } from 'node:crypto'
import jwt, { type FastifyJWTOptions, type JWT } from '@fastify/jwt'
import type { FastifyPluginAsync, FastifyRequest, onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { type Claims, hasScope, type Identity, identify, type Scope, scopes, type SocketPolicy } from '../src/access/identity.js'
import { isLoopback } from '../src/access/origins.js'
import { extractToken } from '../src/access/token.js'
import { AppError } from '../src/errors.js'

declare module 'fastify' {
  interface FastifyInstance {
    access: Access
  }
}

export interface Access {
  /** Who a socket at the address of this user (null: the anonymous one) is; throws what the upgrade is refused with. */
  identify: (userId: string | null, request: FastifyRequest) => Identity
  /** A hook that lets only tokens with the scope pass. */
  requireScope: (scope: Scope) => onRequestHookHandler
  /** A token with every scope where the key is a random one, which nobody else can sign with. */
  developerToken: string | undefined
}

export interface AccessOptions extends Omit<SocketPolicy, 'namesForAll'> {
  /** Neither: a random key for this run, and requests are taken on loopback only. */
  secret: string | undefined
  publicKey: string | undefined
  issuer: string | undefined
  audience: string | undefined
}

/** RFC 7518 §3.2. */
const MIN_SECRET_BYTES = 32

const accessPlugin: FastifyPluginAsync<AccessOptions> = async (fastify, options) => {
  const { secret, publicKey, issuer, audience, tokenRequired, allowAnonymous } = options
  if (secret !== undefined && Buffer.byteLength(secret) < MIN_SECRET_BYTES) {
    fastify.log.warn(`JWT_SECRET is shorter than ${MIN_SECRET_BYTES} bytes: it can be guessed`)
  }
  const keyed = secret !== undefined || publicKey !== undefined
  const tokens = await registerJwt({
    secret: publicKey === undefined ? secret ?? randomBytes(32).toString('hex') : { public: publicKey },
    verify: {
      cache: true, // A service posts with the same token many times; an entry lives no longer than its token.
      // Unless it says otherwise, the verifier takes just the algorithms of the kind of its key (RFC 8725 §3.1).
      ...(publicKey === undefined && { algorithms: ['HS256', 'HS384', 'HS512'] }),
      ...(issuer !== undefined && { allowedIss: issuer }),
      ...(audience !== undefined && { allowedAud: audience }),
      requiredClaims: [...(issuer === undefined ? [] : ['iss']), ...(audience === undefined ? [] : ['aud'])]
    }
  })

  /** Undefined: there is no token. */
  function claimsOf (request: FastifyRequest): Claims | undefined {
    const token = extractToken(request)
    if (token === undefined) return undefined
    try {
      return tokens.verify<Claims>(token)
    } catch (error) {
      const { code, message } = error as { code?: string, message?: string }
      throw new AppError(code === 'FAST_JWT_EXPIRED' ? 'token_expired' : 'token_invalid', message)
    }
  }

  fastify.decorate<Access>('access', {
    identify: (userId, request) => identify(userId, claimsOf(request), { tokenRequired, allowAnonymous, namesForAll: !keyed }),
    requireScope: (scope) => async (request) => {
      const claims = claimsOf(request)
      if (claims === undefined) throw new AppError('token_required')
      if (!hasScope(claims, scope)) throw new AppError('scope_missing', `the token does not have the scope ${scope}`)
    },
    developerToken: keyed ? undefined : tokens.sign({ sub: 'my_user_id', scope: scopes.join(' ') })
  })

  if (!keyed) {
    fastify.addHook('onRequest', async ({ socket }) => {
      if (socket.localAddress !== undefined && !isLoopback(socket.localAddress)) throw new AppError('key_required')
    })
  }

  /** The library, under a name of its own where the application that this is part of has it already. */
  async function registerJwt (jwtOptions: FastifyJWTOptions): Promise<JWT> {
    if (!fastify.hasDecorator('jwt')) {
      await fastify.register(jwt, jwtOptions)
      return fastify.jwt
    }
    const namespace = `herald_${randomBytes(4).toString('hex')}`
    await fastify.register(jwt, { ...jwtOptions, namespace })
    return (fastify.jwt as unknown as Record<string, JWT>)[namespace] as JWT
  }
}

export default fp(accessPlugin, { name: 'access', fastify: '5.x' })
