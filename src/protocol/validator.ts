import type { Static, TSchema } from '@sinclair/typebox'
import { Ajv, type ErrorObject } from 'ajv'
import { AppError, type ErrorCode } from '../errors.js'
import { faultOf } from './json.js'

/** A keyword of ours: a value would arrive as it is, see `faultOf`. Its name is that of an extension (OpenAPI 3.1 §4.9). */
export const MAX_DEPTH = 'x-max-depth'

/** The one validator, of frames, bodies and drafts alike: nothing is coerced, nothing is dropped. */
const ajv = new Ajv({ allowUnionTypes: true, keywords: [{ keyword: MAX_DEPTH, schemaType: 'number', validate: checkDepth, errors: true }] })

function checkDepth (this: void, levels: number, value: unknown): boolean {
  const message = faultOf(value, levels)
  checkDepth.errors = message === undefined ? [] : [{ keyword: MAX_DEPTH, message, params: {} }]
  return message === undefined
}
checkDepth.errors = [] as Array<Partial<ErrorObject>>

export const compile = <T extends TSchema>(schema: T) => ajv.compile<Static<T>>(schema)

/**
 * A function that returns its argument when the schema accepts it.
 * @throws AppError with the given code, naming the field
 */
export function checker<T extends TSchema> (schema: T, code: ErrorCode): (value: unknown) => Static<T> {
  const validate = compile(schema)
  return (value) => {
    if (validate(value)) return value
    throw validationError(code, validate.errors?.[0])
  }
}

/** Says what the validator found in a sentence that names the field. */
export function validationError (code: ErrorCode, error: Partial<ErrorObject> = {}): AppError {
  const path = (error.instancePath ?? '').split('/').slice(1)
  switch (error.keyword) {
    case 'required': return fieldError(code, [...path, error.params?.missingProperty], 'is required')
    case 'additionalProperties': return fieldError(code, [...path, error.params?.additionalProperty], 'is not a known field')
    case 'pattern': return fieldError(code, path, 'has a character that is not allowed')
    case 'type': return fieldError(code, path, `must be ${[error.params?.type].flat().join(' or ')}`)
    default: return fieldError(code, path, error.message ?? 'is not valid')
  }
}

function fieldError (code: ErrorCode, path: string[], what: string): AppError {
  if (path.length === 0) return new AppError(code, `the value ${what}`)
  const field = path.join('.').slice(0, 64)
  return new AppError(code, `${field} ${what}`, field)
}
