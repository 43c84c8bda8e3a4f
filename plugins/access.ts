import { randomBytes } from 'node:crypto'
import jwt, { type FastifyJWTOptions, type JWT } from '@fastify/jwt'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest, HookHandlerDoneFunction, onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { type Claims, hasScope, type Identity, identify, type Scope, scopes, type SocketPolicy } from '../src/access/identity.js'
import type { TokenHeader } from '../src/access/key-set.js'
import { isLoopback } from '../src/access/origins.js'
import { extractToken } from '../src/access/token.js'
import { Verifier } from '../src/access/verifier.js'
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

const accessPlugin: FastifyPluginAsync<AccessOptions> = async (fastify, options) => {
  const { secret, publicKey, issuer, audience, tokenRequired, allowAnonymous } = options
  const { heraldKeySet: keySet } = fastify
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
  const verifier = new Verifier({
    headerOf: (token) => tokens.decode<{ header: TokenHeader }>(token, { complete: true })?.header,
    verify: (token, key) => tokens.verify<Claims>(token, key)
  }, keySet)

  fastify.decorate<Access>('heraldAccess', {
    identify (userId, token) {
      const policy = { tokenRequired, allowAnonymous, namesForAll: !keyed }
      const claims = token === undefined ? undefined : verifier.verify(token)
      return claims instanceof Promise ? claims.then((claims) => identify(userId, claims, policy)) : identify(userId, claims, policy)
    },
    // Waits for nothing where nothing is to be fetched: publishing goes through it.
    requireScope: (scope) => Object.assign((request: FastifyRequest, _reply: FastifyReply, done: HookHandlerDoneFunction) => {
      const token = extractToken(request)
      if (token === undefined) throw new AppError('token_required')
      const check = (claims: Claims) => {
        if (!hasScope(claims, scope)) throw new AppError('scope_missing', `the token does not have the scope ${scope}`)
      }
      const claims = verifier.verify(token)
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

export default fp(accessPlugin, { name: 'access', fastify: '5.x', dependencies: ['key-set'] })
