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

/**
 * Why a value would not arrive as it is: it nests objects and arrays more than `levels` deep, JSON has no such number (`1e999`),
 * or a key reaches for a prototype, which `parseJson` refuses as well.
 */
export function faultOf (value: unknown, levels: number): string | undefined {
  if (typeof value === 'number' && !Number.isFinite(value)) return `has the number ${value}, which JSON does not have`
  if (typeof value !== 'object' || value === null) return undefined
  if (levels === 0) return 'is nested too deep'
  if (Object.hasOwn(value, '__proto__')) return 'has a key __proto__'
  if (Object.hasOwn(value, 'constructor') && hasPrototype((value as { constructor: unknown }).constructor)) return 'has a key constructor with a prototype'

  for (const child of Object.values(value)) {
    const fault = faultOf(child, levels - 1)
    if (fault !== undefined) return fault
  }
  return undefined
}

const hasPrototype = (value: unknown): boolean => typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype')
