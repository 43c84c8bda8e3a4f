import type { TSchema } from '@sinclair/typebox'
import t from 'tap'
import { clientFrames } from '../../../src/protocol/client-frames.js'
import * as rest from '../../../src/protocol/rest.js'
import { serverFrames } from '../../../src/protocol/server-frames.js'
import { compile } from '../../../src/protocol/validator.js'

const schemas: Record<string, TSchema> = { ...clientFrames, ...serverFrames, ...rest }

t.test('every example is accepted by its own schema, and there is one for each', async (t) => {
  for (const [name, schema] of Object.entries(schemas)) {
    if (name !== 'UserParamsSchema') t.ok(schema.examples?.length > 0, `${name} has an example`)
    checkExamples(name, schema)
  }

  function checkExamples (path: string, schema: TSchema): void {
    for (const example of schema.examples ?? []) t.ok(compile(schema)(example), `${path}: ${JSON.stringify(example)}`)
    for (const [name, property] of Object.entries<TSchema>(schema.properties ?? {})) {
      if (property.const === undefined && property.properties === undefined) t.ok(property.description, `${path}.${name} is described`)
      checkExamples(`${path}.${name}`, property)
    }
  }
})
