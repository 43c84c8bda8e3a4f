import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { addressOf } from './app.js'
import { clientFrame, opcodes, textFrame } from './client-frames.js'
import { parseFrames } from './frames.js'
import type { Owner } from './process.js'
import { connectRaw, upgradeText } from './raw-client.js'
import { sign } from './token.js'

export interface Target { port: number, ws: string }

/** How an attack ended: a close code, an HTTP status, or nothing at all. */
export type Answer = number | 'cut'

const closeCodeOf = (bytes: Buffer): number | undefined => {
  const last = parseFrames(bytes).frames.at(-1)
  return last?.opcode === opcodes.close ? last.payload.readUInt16BE() : undefined
}

/** Not `once`, which fails when the peer resets the connection. */
const closeOf = async (socket: Socket) => { await new Promise((resolve) => { socket.once('close', resolve) }) }

/** What a socket is answered until it is closed. */
async function lastAnswer (socket: Socket): Promise<Answer> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => { chunks.push(chunk) })
  await closeOf(socket)
  const bytes = Buffer.concat(chunks)
  const status = /^HTTP\/1\.1 (\d+)/.exec(bytes.toString('latin1', 0, 20))?.[1]
  return status === undefined ? closeCodeOf(bytes) ?? 'cut' : Number(status)
}

/** Writes the same bytes again and again, as fast as the server takes them, until it ends the connection. */
async function flood (t: Owner, { ws }: Target, user: string, bytes: Buffer): Promise<Answer> {
  const socket = await connectRaw(t, addressOf({ ws }, user))
  const answer = lastAnswer(socket)
  const closed = closeOf(socket)
  while (!socket.destroyed && socket.writable) {
    if (!socket.write(bytes)) await Promise.race([new Promise((resolve) => { socket.once('drain', resolve) }), closed])
    await sleep(1)
  }
  return await answer
}

const many = (frame: Buffer, count = 200) => Buffer.concat(Array<Buffer>(count).fill(frame))

/** Writes bytes a few at a time, for as long as it is let. */
async function drip (t: Owner, port: number, start: string, piece: string, everyMs: number): Promise<Answer> {
  const socket = openTcp(t, port)
  const dripping = setInterval(() => { socket.write(piece) }, everyMs)
  t.teardown(() => { clearInterval(dripping) })
  socket.write(start)
  const answer = await lastAnswer(socket)
  clearInterval(dripping)
  return answer
}

function openTcp (t: Owner, port: number): Socket {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  t.teardown(() => { socket.destroy() })
  return socket
}

/** One request that nothing follows. */
async function ask (t: Owner, { port }: Target, bytes: string): Promise<Answer> {
  const socket = openTcp(t, port)
  socket.write(bytes)
  return await lastAnswer(socket)
}

/** A handshake whose headers may go on. */
const upgrade = (path: string) => upgradeText(`ws://127.0.0.1${path}`).slice(0, -2)
const post = `POST /api/v1/ws/notify/ada HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAuthorization: Bearer ${sign({ scope: 'notifications:publish' })}\r\n`

/** Attacks that end by themselves, because the server ends them at once. Each is made by one client. */
export const attacks = {
  pingFlood: async (t: Owner, target: Target) => await flood(t, target, 'mallory', many(clientFrame(opcodes.ping, Buffer.alloc(100)))),
  pongFlood: async (t: Owner, target: Target) => await flood(t, target, 'mallory', many(clientFrame(opcodes.pong))),
  frameFlood: async (t: Owner, target: Target) => await flood(t, target, 'mallory', many(textFrame({ type: 'ping' }))),
  statsFlood: async (t: Owner, target: Target) => await flood(t, target, 'mallory', many(textFrame({ type: 'get_stats' }))),
  junkFlood: async (t: Owner, target: Target) => await flood(t, target, 'mallory', many(clientFrame(opcodes.text, '{"'), 15)),
  fragmentFlood: async (t: Owner, target: Target) => await flood(t, target, 'mallory', Buffer.concat([
    clientFrame(opcodes.text, ' ', { fin: false }), many(clientFrame(opcodes.continuation, ' ', { fin: false }), 2000)
  ])),
  oversized: async (t: Owner, target: Target) => await flood(t, target, 'mallory', Buffer.concat([
    clientFrame(opcodes.text, Buffer.alloc(40_000), { fin: false }), clientFrame(opcodes.continuation, Buffer.alloc(40_000), { fin: false })
  ])),
  compressed: async (t: Owner, target: Target) => await flood(t, target, 'mallory', clientFrame(opcodes.text, '{}', { rsv: 4 })),

  headerBomb: async (t: Owner, target: Target) => await ask(t, target, `${upgrade('/api/v1/ws/ada')}X-Bomb: ${'x'.repeat(1_000_000)}\r\n\r\n`),
  manyHeaders: async (t: Owner, target: Target) => await ask(t, target, `${upgrade('/api/v1/ws/ada')}${'header-name: b\r\n'.repeat(2000)}\r\n`),
  longAddress: async (t: Owner, target: Target) => await ask(t, target, `${upgrade(`/api/v1/ws/${'x'.repeat(30_000)}`)}\r\n`),
  largeBody: async (t: Owner, target: Target) => await ask(t, target, `${post}Connection: close\r\nContent-Length: 1000000000\r\n\r\n${'x'.repeat(100_000)}`),
  endlessBody: async (t: Owner, target: Target) => await ask(t, target, `${post}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n${`ffff\r\n${'x'.repeat(0xffff)}\r\n`.repeat(3)}`),
  badToken: async (t: Owner, target: Target) => await ask(t, target, `${upgrade('/api/v1/ws/ada?token=x.y.z').replace('Upgrade\r\n', 'Upgrade, close\r\n')}\r\n`)
} satisfies Record<string, (t: Owner, target: Target) => Promise<Answer>>

export type AttackName = keyof typeof attacks

/** What each is to be answered with; who goes on writing may be cut before he reads it. */
export const expectedAnswers: Record<AttackName, Answer> = {
  pingFlood: 4029,
  pongFlood: 4029,
  frameFlood: 4029,
  statsFlood: 4029,
  junkFlood: 1008,
  fragmentFlood: 1008,
  oversized: 1009,
  compressed: 1002,
  headerBomb: 431,
  manyHeaders: 431,
  longAddress: 431,
  largeBody: 413,
  endlessBody: 413,
  badToken: 401
}

/** Clients that take their time; the server's time-outs end them. */
export const slow = {
  silence: async (t: Owner, { port }: Target) => await lastAnswer(openTcp(t, port)),
  headersDripped: async (t: Owner, { port }: Target) => await drip(t, port, 'GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n', 'a: b\r\n', 500),
  upgradeDripped: async (t: Owner, { port }: Target) => await drip(t, port, upgrade('/api/v1/ws/ada'), 'a: b\r\n', 500),
  halfAnUpgrade: async (t: Owner, { port }: Target) => await drip(t, port, upgrade('/api/v1/ws/ada'), '', 500),
  bodyDripped: async (t: Owner, { port }: Target) => await drip(t, port, `${post}Content-Length: 60000\r\n\r\n{"message":"`, 'x', 500)
} satisfies Record<string, (t: Owner, target: Target) => Promise<Answer>>

/** Opens a socket that reads a byte a second. */
export async function openSlowReader (t: Owner, { port, ws }: Target, user: string): Promise<Socket> {
  const socket: Socket = connect({
    port,
    host: '127.0.0.1',
    onread: {
      buffer: Buffer.alloc(1),
      callback: () => {
        setTimeout(() => { socket.resume() }, 1000).unref()
        return false
      }
    }
  })
  socket.on('error', () => {})
  t.teardown(() => { socket.destroy() })
  socket.write(upgradeText(addressOf({ ws }, user)))
  await once(socket, 'connect')
  return socket
}
