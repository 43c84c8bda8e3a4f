import { once } from 'node:events'
import { type ClientOptions, WebSocket } from 'ws'
import type { Owner } from './process.js'

export interface Frame {
  type: string
  id?: string
  notification_type?: string
  timestamp?: string
  data: Record<string, unknown>
}

export interface Client {
  socket: WebSocket
  /** The next frame that nobody has taken yet. */
  next: () => Promise<Frame>
  /** The next frame of this type; those before it are passed over. */
  nextOf: (type: string) => Promise<Frame>
  /** Every frame so far. */
  frames: Frame[]
  send: (frame: unknown) => void
  sendRaw: (data: string | Buffer) => void
  closed: Promise<{ code: number, reason: string }>
}

/** Opens a real socket and keeps every frame from the first on. */
export async function connect (t: Owner, url: string, options: ClientOptions & { protocols?: string[] } = {}): Promise<Client> {
  const { protocols = [], ...rest } = options
  const socket = new WebSocket(url, protocols, rest)
  t.teardown(() => { socket.terminate() })

  const frames: Frame[] = []
  let taken = 0
  let wake = () => {}
  const closed = new Promise<{ code: number, reason: string }>((resolve) => {
    socket.on('close', (code, reason) => {
      resolve({ code, reason: reason.toString() })
      wake()
    })
  })
  socket.on('message', (data) => {
    frames.push(JSON.parse(data.toString()))
    wake()
  })

  async function next (): Promise<Frame> {
    for (;;) {
      const frame = frames[taken]
      if (frame !== undefined) {
        taken++
        return frame
      }
      if (socket.readyState === WebSocket.CLOSED) throw new Error('closed before the frame came')
      await new Promise<void>((resolve) => { wake = resolve })
    }
  }

  await once(socket, 'open')
  return {
    socket,
    frames,
    closed,
    next,
    async nextOf (type) {
      for (;;) {
        const frame = await next()
        if (frame.type === type) return frame
      }
    },
    send (frame) { socket.send(JSON.stringify(frame)) },
    sendRaw (data) { socket.send(data) }
  }
}

/** The answer to a handshake that is refused. */
export async function refusal (url: string, options: ClientOptions & { protocols?: string[] } = {}) {
  const { protocols = [], ...rest } = options
  const socket = new WebSocket(url, protocols, rest)
  socket.on('error', () => {})
  const [, response] = await Promise.race([
    once(socket, 'unexpected-response'),
    once(socket, 'open').then(() => { throw new Error(`${url} was not refused`) })
  ])
  const body = await new Response(response).text()
  socket.terminate()
  return { status: response.statusCode as number, headers: response.headers, problem: JSON.parse(body) }
}
