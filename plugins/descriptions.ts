import type { TObject } from '@sinclair/typebox'
import type { SwaggerTransform } from '@fastify/swagger'
import type { FastifyPluginAsync, FastifySchema, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import type { Scope } from '../src/access/identity.js'
import type { ErrorCode } from '../src/errors.js'
import { bearerScheme, refusals } from '../src/protocol/openapi.js'
import { ProblemSchema } from '../src/protocol/problem.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the description of an address says that its schemas do not. */
    describe?: Description
  }
}

interface Description {
  /** What it can be refused with, beside what its hooks and schemas refuse. */
  errors?: ErrorCode[]
  /** Query parameters that are taken as they are. */
  query?: TObject
  /** Headers of an answer that is no problem. */
  replyHeaders?: TObject
}

/** Completes what `@fastify/swagger` says of the addresses of the service, whoever registers that. */
const descriptionsPlugin: FastifyPluginAsync = async (fastify) => {
  fastify.addHook('onRoute', (route) => {
    const url = route.url.replace(/(?<=.)\/$/, '') // Later it is that of the same address with a slash at its end.
    route.config = { ...route.config, swaggerTransform: (given) => ({ url, schema: describe(route, given) }) }
  })
}

function describe (route: RouteOptions, given: Parameters<SwaggerTransform>[0]): FastifySchema {
  const { schema = {}, config } = route
  if (schema.hide === true || !('openapiObject' in given)) return schema

  const { components = {} } = given.openapiObject
  given.openapiObject.components = {
    ...components,
    schemas: { ...components.schemas, Problem: ProblemSchema as object },
    securitySchemes: { ...components.securitySchemes, bearer: bearerScheme }
  }
  const scopes = scopesOf(route)
  const { query, replyHeaders } = config?.describe ?? {}
  return {
    ...schema,
    ...(query !== undefined && { querystring: query }),
    ...(scopes.length > 0 && { security: [{ bearer: scopes }] }),
    ...(route.wsHandler !== undefined && { security: [{ bearer: [] }, {}] }),
    response: { ...withHeaders(schema.response as Record<string, object> | undefined, replyHeaders), ...refusals(errorsOf(route, scopes)) }
  }
}

const withHeaders = (responses: Record<string, object> = {}, headers: Description['replyHeaders']): object =>
  headers === undefined ? responses : Object.fromEntries(Object.entries(responses).map(([status, schema]) => [status, { ...schema, headers: headers.properties }]))

/** The scopes that the hooks of an address require: see `requireScope`. */
const scopesOf = ({ onRequest }: RouteOptions): Scope[] =>
  [onRequest].flat().flatMap((hook) => typeof hook === 'function' && 'scope' in hook ? hook.scope as Scope : [])

function errorsOf ({ schema = {}, config }: RouteOptions, scopes: Scope[]): ErrorCode[] {
  return [
    ...(schema.params === undefined ? [] : ['invalid_url', 'invalid_request'] as const),
    ...(schema.headers === undefined ? [] : ['invalid_request'] as const),
    ...(schema.body === undefined ? [] : ['invalid_request', 'invalid_json', 'invalid_utf8', 'too_large', 'unsupported_media_type'] as const),
    ...(scopes.length === 0 ? [] : ['token_required', 'token_invalid', 'token_expired', 'scope_missing', 'key_required', 'keys_unavailable'] as const),
    ...(config?.describe?.errors ?? []),
    'internal_error'
  ]
}

export default fp(descriptionsPlugin, { name: 'descriptions', fastify: '5.x' })
