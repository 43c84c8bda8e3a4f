import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { type ErrorCode, errorEntry, errors } from '../src/errors.js'
import { addressOf, ALL_SCOPES, build, type Service } from './support/app.js'
import { type Client, connect, type Frame } from './support/client.js'
import { type HostileFrame, hostileFrame, type HostilePost, hostilePost, MAX_BYTES } from './support/hostile.js'
import { limited } from './support/limited.js'
import { sign } from './support/token.js'

const FRAMES = 10_000
const BODIES = 2000
const BATCH = 50

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
const isAppError = (code: unknown): code is ErrorCode => typeof code === 'string' && Object.hasOwn(errors, code)
const hasOnly = (value: object, names: string[]) => Object.keys(value).every((name) => names.includes(name))

/** A byte order mark may be ignored (RFC 8259 §8.1). */
function parse (text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch {
    return undefined
  }
}

/** The code that the connection is closed with, if it is. */
function expectedClose ({ data, binary }: HostileFrame): number | undefined {
  if (data.length > MAX_BYTES) return 1009
  if (binary) return 1003
  if (!isUtf8(data)) return 1007
  const value = parse(data.toString())
  return isObject(value) && value['type'] === 'disconnect' && hasOnly(value, ['type']) ? 1000 : undefined
}

function isPing (value: Record<string, unknown>): boolean {
  const { type, id } = value
  const idIsRight = !('id' in value) || (typeof id === 'string' && [...id].length <= 128) || Number.isFinite(id)
  return type === 'ping' && hasOnly(value, ['type', 'id']) && idIsRight
}

function isRightAnswer (text: string, answer: Frame): boolean {
  const value = parse(text)
  if (isObject(value) && isPing(value)) {
    return answer.type === 'pong' && ('id' in value) === ('id' in answer) && Object.is(JSON.stringify(answer.id), JSON.stringify(value['id']))
  }
  if (isObject(value) && value['type'] === 'get_stats' && hasOnly(value, ['type'])) {
    return answer.type === 'stats' && typeof answer.data['total_connections'] === 'number'
  }
  return isError(answer)
}

function isError ({ type, data, timestamp, ...surplus }: Frame): boolean {
  return type === 'error' && typeof timestamp === 'string' && Object.keys(surplus).length === 0 && hasOnly(data, ['code', 'message', 'field']) &&
    ['invalid_json', 'invalid_frame', 'unknown_type'].includes(String(data['code'])) &&
    typeof data['message'] === 'string' && data['message'] !== '' && ['string', 'undefined'].includes(typeof data['field'])
}

/** A client on the same server that does nothing wrong: says whether it still gets what it is sent. */
async function witness (t: Test, service: Service): Promise<() => Promise<void>> {
  const client = await connect(t, addressOf(service, 'ada'))
  return async () => {
    const { id } = await service.app.notifications.sendToUser('ada', { notificationType: 'still', data: { there: true } })
    for (;;) {
      if ((await client.nextOf('notification')).id === id) return
    }
  }
}

t.test('every frame is answered by one frame or one close that the contract allows, and nobody else notices', async (t) => {
  const service = await build(t, { MESSAGE_RATE: 0, HEARTBEAT_INTERVAL_MS: 0, MAX_ERRORS: 0, MAX_CONNECTIONS_PER_USER: 0 })
  const stillServed = await witness(t, service)
  const answers = new Map<string, number>()
  const count = (name: string) => {
    answers.set(name, (answers.get(name) ?? 0) + 1)
    return answers.get(name)
  }
  let mallory: Client | undefined

  await fc.assert(fc.asyncProperty(fc.array(hostileFrame, { minLength: BATCH, maxLength: BATCH, size: 'max' }), async (inputs) => {
    mallory?.socket.terminate() // A batch before this one may have failed half-way.
    mallory = undefined
    let open: HostileFrame[] = []
    for (const input of inputs) {
      mallory ??= await connectMallory(t, service)
      send(mallory, input)
      const code = expectedClose(input)
      if (code === undefined) {
        open.push(input)
        continue
      }
      await checkAnswers(mallory, open)
      const end = await mallory.closed
      if (end.code !== code) throw new Error(`closed with ${end.code} in place of ${code}: ${show(input)}`)
      count(`close ${code}`)
      mallory = undefined
      open = []
    }
    if (mallory !== undefined) await checkEnd(mallory, open)
    await stillServed()
  }), { numRuns: FRAMES / BATCH, ...limited(80_000) })

  t.comment(Object.fromEntries(answers))
  for (const name of ['pong', 'stats', 'error', 'close 1000', 'close 1003', 'close 1007', 'close 1009']) t.ok(answers.has(name), name)
  t.strictSame(service.app.connections.getConnectedUsers().filter((name) => name !== 'mallory'), ['ada'])

  async function checkAnswers (client: Client, inputs: HostileFrame[]) {
    for (const input of inputs) {
      const text = input.data.toString()
      const answer = await client.next().catch(async () => {
        throw new Error(`closed with ${JSON.stringify(await client.closed)}, still to answer: ${show(input)}`)
      })
      if (!isRightAnswer(text, answer)) throw new Error(`${text.slice(0, 300)} is answered by ${JSON.stringify(answer)}`)
      count(answer.type)
    }
  }

  /** There is nothing between the last answer and that to a ping. */
  async function checkEnd (client: Client, inputs: HostileFrame[]) {
    const id = `end of a batch ${count('batch')}`
    client.send({ type: 'ping', id })
    await checkAnswers(client, inputs)
    const last = await client.next()
    if (last.type !== 'pong' || last.id !== id) throw new Error(`a surplus answer: ${JSON.stringify(last)}`)
  }
})

async function connectMallory (t: Test, service: Service): Promise<Client> {
  const client = await connect(t, addressOf(service, 'mallory'))
  await client.nextOf('connection_status')
  return client
}

function send ({ socket }: Client, { data, binary, split }: HostileFrame): void {
  if (!split) {
    socket.send(data, { binary })
    return
  }
  const half = Math.floor(data.length / 2)
  socket.send(data.subarray(0, half), { binary, fin: false })
  socket.send(data.subarray(half), { binary, fin: true })
}

const show = ({ data, ...how }: HostileFrame) => `${JSON.stringify(how)} ${data.toString('latin1').slice(0, 300)}`

t.test('every body is answered by an outcome or a problem that the contract allows, and nobody else notices', async (t) => {
  const service = await build(t)
  const stillServed = await witness(t, service)
  const authorization = `Bearer ${sign({ sub: 'service', scope: ALL_SCOPES })}`
  const statuses = new Map<number, number>()

  await fc.assert(fc.asyncProperty(fc.array(hostilePost, { minLength: BATCH, maxLength: BATCH, size: 'max' }), async (requests) => {
    await Promise.all(requests.map(async (post) => {
      const { path, contentType, body } = post
      const response = await fetch(`${service.http}${path}`, { method: 'POST', headers: { authorization, 'content-type': contentType }, body })
      const fault = faultOf(post, response, await response.text())
      if (fault !== undefined) throw new Error(`${path} ${contentType} ${body.toString('latin1').slice(0, 300)}: ${response.status}, ${fault}`)
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1)
    }))
    await stillServed()
  }), { numRuns: BODIES / BATCH, ...limited(60_000) })

  t.comment(Object.fromEntries(statuses))
  for (const status of [200, 400, 413, 415]) t.ok(statuses.has(status), String(status))
})

/** What the contract does not allow about an answer. */
function faultOf (post: HostilePost, { status, headers }: Response, text: string): string | undefined {
  const body = parse(text)
  if (!isObject(body)) return 'the body is no JSON object'
  if (isRightPost(post) !== (status === 200)) return `this body: ${text}`
  if (status === 200) return typeof body['id'] === 'string' && typeof body['connections'] === 'number' ? undefined : `not an outcome: ${text}`

  const { type, title, detail, code } = body
  if (![400, 413, 415].includes(status)) return `not an allowed status: ${text}`
  if (headers.get('content-type')?.startsWith('application/problem+json') !== true) return 'not a problem by its content type'
  if (![type, title, detail].every((field) => typeof field === 'string' && field !== '')) return `not a problem: ${text}`
  if (!isAppError(code) || errorEntry(code).status !== status || body['status'] !== status) return `its code and status disagree: ${text}`
  return undefined
}

/** Whether the contract wants it published. */
function isRightPost ({ path, contentType, body }: HostilePost): boolean {
  const isJson = /^application\/json(;|$)/.test(contentType) && body.length <= MAX_BYTES && isUtf8(body)
  const value = isJson ? parse(body.toString()) : undefined
  if (!isObject(value) || reachesForPrototype(value) || isDeep(value['message'], 100) || hasInfinity(value['message'])) return false

  const { notification_type: type, message, exclude_user: excluded } = value
  return hasOnly(value, ['notification_type', 'message', ...(path === '/broadcast' ? ['exclude_user'] : [])]) &&
    isText(type, 64) && isObject(message) &&
    (!('exclude_user' in value) || (isText(excluded, 128) && !/[\p{Cc}\p{Cs}]/u.test(String(excluded))))
}

/** From a number like 1e999, which would arrive as null. */
const hasInfinity = (value: unknown): boolean => JSON.stringify(value, (_name, child) => typeof child === 'number' && !Number.isFinite(child) ? 'infinite' : child) !== JSON.stringify(value)

const isText = (value: unknown, max: number) => typeof value === 'string' && value !== '' && [...value].length <= max

/** Without recursion, which deep JSON is too much for. */
function reachesForPrototype (value: unknown): boolean {
  const left = [value]
  for (let item = left.pop(); item !== undefined; item = left.pop()) {
    if (typeof item !== 'object' || item === null) continue
    for (const [name, child] of Object.entries(item)) {
      if (name === '__proto__' || (name === 'constructor' && isObject(child) && Object.hasOwn(child, 'prototype'))) return true
      left.push(child)
    }
  }
  return false
}

function isDeep (value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((child) => isDeep(child, levels - 1))
}
