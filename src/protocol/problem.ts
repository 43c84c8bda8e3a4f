import { type Static, Type } from '@sinclair/typebox'
import { type AppError, type ErrorCode, errorCodes, errorEntry } from '../errors.js'

const refusals = errorCodes.filter((code) => errorEntry(code).status !== undefined)

/** An RFC 9457 problem: what a refused request or upgrade is answered with. */
export const ProblemSchema = Type.Object({
  type: Type.String({ description: 'names the kind of problem', examples: ['urn:herald:error:scope_missing'] }),
  title: Type.String({ description: 'what such problems are', examples: ['The token does not have the scope'] }),
  status: Type.Integer({ minimum: 400, maximum: 599, description: 'the HTTP status', examples: [403] }),
  detail: Type.String({ description: 'what is wrong, for people', examples: ['the token does not have the scope stats:read'] }),
  code: Type.Unsafe<ErrorCode>({ type: 'string', enum: refusals, description: 'what is wrong, for programs', examples: ['scope_missing'] }),
  field: Type.Optional(Type.String({ description: 'the field that is to blame, where one is', examples: ['ttl'] }))
}, {
  description: 'why a request was refused (RFC 9457)',
  examples: [{
    type: 'urn:herald:error:scope_missing',
    title: 'The token does not have the scope',
    status: 403,
    detail: 'the token does not have the scope stats:read',
    code: 'scope_missing'
  }]
})
export type Problem = Static<typeof ProblemSchema>

export function toProblem ({ code, statusCode, message, field }: AppError): Problem {
  return { type: `urn:herald:error:${code}`, title: errorEntry(code).text, status: statusCode, detail: message, code, ...(field !== undefined && { field }) }
}
