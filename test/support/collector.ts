import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Owner } from './process.js'
import { until } from './wait.js'

export interface Span {
  service: string
  traceId: string
  spanId: string
  parentId: string
  name: string
  kind: number
  attributes: Record<string, unknown>
}

/** A collector of traces (OTLP over HTTP, protobuf) on a free port of 127.0.0.1. */
export async function startCollector (t: Owner) {
  const spans: Span[] = []
  let text = ''
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => { parts.push(part) })
    request.on('end', () => {
      const body = Buffer.concat(parts)
      text += body.toString('latin1')
      spans.push(...readTraces(body))
      response.end()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Everything that came, as it came. */
    text: () => text,
    spans,
    /** Resolves with the spans of these names when there are so many. */
    wait: async (name: RegExp, count: number): Promise<Span[]> => {
      const found = () => spans.filter((span) => name.test(span.name))
      await until(() => found().length >= count, 20_000)
      return found()
    }
  }
}

type Field = [number: number, value: Buffer | number]

/** The fields of a protobuf message (https://protobuf.dev/programming-guides/encoding/). */
function fieldsOf (bytes: Buffer): Field[] {
  const fields: Field[] = []
  let at = 0
  const varint = () => {
    let value = 0
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at++] ?? 0
      value += (byte & 0x7f) * shift
      if (byte < 128) return value
    }
  }
  const take = (length: number) => {
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.length) {
    const tag = varint()
    const wire = tag & 7
    fields.push([tag >> 3, wire === 0 ? varint() : take(wire === 1 ? 8 : wire === 5 ? 4 : varint())])
  }
  return fields
}

const all = (message: Buffer, number: number): Buffer[] => fieldsOf(message).flatMap(([field, value]) => field === number && Buffer.isBuffer(value) ? [value] : [])
const one = (message: Buffer, number: number): Buffer => all(message, number)[0] ?? Buffer.alloc(0)

const attributesOf = (message: Buffer, number: number): Record<string, unknown> => Object.fromEntries(all(message, number).map((attribute) => {
  const [[kind, value] = [0, 0]] = fieldsOf(one(attribute, 2))
  return [String(one(attribute, 1)), kind === 1 ? String(value) : value]
}))

/** See `trace.proto` of OTLP: resource spans, scope spans, spans. */
function readTraces (request: Buffer): Span[] {
  return all(request, 1).flatMap((resourceSpans) => all(resourceSpans, 2).flatMap((scopeSpans) => all(scopeSpans, 2)).map((span) => ({
    service: String(attributesOf(one(resourceSpans, 1), 1)['service.name']),
    traceId: one(span, 1).toString('hex'),
    spanId: one(span, 2).toString('hex'),
    parentId: one(span, 4).toString('hex'),
    name: String(one(span, 5)),
    kind: Number(fieldsOf(span).find(([number]) => number === 6)?.[1]),
    attributes: attributesOf(span, 9)
  })))
}
