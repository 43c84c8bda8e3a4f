import { isUtf8 } from 'node:buffer'
import { parse } from 'secure-json-parse'
import { AppError } from '../errors.js'

/**
 * The value of a JSON text. Keys that reach for a prototype (`__proto__`, `constructor.prototype`) are refused.
 * @throws AppError `invalid_json`, `invalid_utf8`
 */
export function parseJson (text: string | Buffer): unknown {
  if (typeof text !== 'string' && !isUtf8(text)) throw new AppError('invalid_utf8')

  try {
    return parse(text.toString(), { protoAction: 'error', constructorAction: 'error' })
  } catch (error) {
    throw new AppError('invalid_json', error instanceof Error ? error.message : undefined)
  }
}

/** Whether a JSON value nests objects and arrays more than `levels` deep. */
export function deeperThan (value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((child) => deeperThan(child, levels - 1))
}
