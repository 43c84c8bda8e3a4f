import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import fc from 'fast-check'

/** What the tests read of an OpenAPI description. */
export interface OpenApi {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, object>, securitySchemes: object }
}

export interface Operation {
  operationId: string
  summary?: string
  description?: string
  tags?: string[]
  security?: Array<{ bearer?: string[] }>
  parameters?: Array<{ in: 'path' | 'query' | 'header', name: string, required?: boolean, schema: Schema }>
  requestBody?: { content: Record<string, { schema: Schema }> }
  responses: Record<string, { description: string, headers?: object, content?: Record<string, { schema: Schema }> }>
}

export interface Schema {
  type?: string | string[]
  const?: unknown
  enum?: unknown[]
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
}

/** Whether a value is what a schema of the description allows. */
export function checkerOf ({ components }: OpenApi): (schema: Schema) => ValidateFunction {
  const ajv = new Ajv2020({ strict: false })
  ajv.addSchema({ $id: 'openapi.json', components })
  const known = new Map<Schema, ValidateFunction>()
  return (schema) => {
    const check = known.get(schema) ?? ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"openapi.json#/')))
    known.set(schema, check)
    return check
  }
}

/** Keys that no JSON of a request may have, whatever its schema. */
const reachesForPrototype = (value: unknown) => /"(__proto__|constructor)"/.test(JSON.stringify(value) ?? '')

/** Values that a schema allows. */
export function allowedBy (schema: Schema, check: (schema: Schema) => ValidateFunction): fc.Arbitrary<unknown> {
  return candidate(schema).filter((value) => check(schema)(value) && !reachesForPrototype(value))
}

function candidate (schema: Schema): fc.Arbitrary<unknown> {
  if ('const' in schema) return fc.constant(schema.const)
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  switch ([schema.type].flat()[0]) {
    case 'boolean': return fc.boolean()
    case 'integer': return fc.integer({ min: schema.minimum ?? 0, max: Math.min(schema.maximum ?? 1000, 2 ** 31 - 1) })
    case 'string': return fc.oneof(...(['grapheme', 'grapheme-ascii'] as const).map((unit) =>
      fc.string({ unit, minLength: schema.minLength ?? 0, maxLength: Math.min(schema.maxLength ?? 20, 20) })))
    case 'object': return objects(schema)
    default: return fc.jsonValue()
  }
}

function objects ({ properties = {}, required = [] }: Schema): fc.Arbitrary<unknown> {
  if (Object.keys(properties).length === 0) return fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 4 })
  return fc.record(Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, candidate(schema)])), { requiredKeys: required })
}

/** Values that a schema may or may not allow: mostly nearly. */
export function nearlyAllowedBy (schema: Schema): fc.Arbitrary<unknown> {
  const right = candidate(schema).filter((value) => !reachesForPrototype(value))
  const other = fc.jsonValue().filter((value) => !reachesForPrototype(value))
  if (schema.properties === undefined) return other
  const wrong = fc.tuple(right, fc.constantFrom(...Object.keys(schema.properties), 'surplus'), fc.option(other, { nil: undefined }))
    .map(([value, name, replacement]) => JSON.parse(JSON.stringify({ ...value as object, [name]: replacement }))) // Without what is undefined.
  return fc.oneof({ weight: 4, arbitrary: wrong }, other)
}
