import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

/** Requests of one connection that are served at once, and those that wait until these are answered. */
const MAX_SERVED = 32
const MAX_WAITING = 1024

interface Pipeline {
  unanswered: Set<ServerResponse>
  /** What goes on with those that wait. */
  waiting: Array<() => void>
}

/**
 * Bounds what one connection may ask for without reading the answers (RFC 9112 §9.3.2): Node reads 64 KB of requests, and all of them are served, before it
 * counts what waits to be sent. And ends the answers that wait behind another one when their connection is gone, which Node does not: files would stay open.
 */
const pipeliningPlugin: FastifyPluginAsync = async (fastify) => {
  const pipelines = new WeakMap<Socket, Pipeline>()

  function pipelineOf (socket: Socket): Pipeline {
    const known = pipelines.get(socket)
    if (known !== undefined) return known

    const pipeline: Pipeline = { unanswered: new Set(), waiting: [] }
    pipelines.set(socket, pipeline)
    socket.once('close', () => {
      pipeline.waiting.length = 0
      // As Node does for the one that is being sent.
      for (const answer of pipeline.unanswered) if (answer.socket === null) Object.assign(answer, { destroyed: true, _closed: true }).emit('close')
    })
    return pipeline
  }

  function answered (this: ServerResponse): void {
    const pipeline = pipelines.get(this.req.socket)
    pipeline?.unanswered.delete(this)
    pipeline?.waiting.shift()?.()
  }

  fastify.addHook('onRequest', ({ raw }: { raw: IncomingMessage & { upgrade?: boolean } }, reply, done) => {
    const { socket, upgrade = false } = raw
    if (upgrade) { // Its answer, if it is one, is taken off the socket, and is not to be kept for as long as that lives.
      done()
      return
    }
    if (socket.destroyed) return
    const { unanswered, waiting } = pipelineOf(socket)
    unanswered.add(reply.raw)
    reply.raw.on('close', answered)
    if (unanswered.size <= MAX_SERVED) done()
    else if (waiting.push(done) > MAX_WAITING) socket.destroy()
  })
}

export default fp(pipeliningPlugin, { name: 'pipelining', fastify: '5.x' })
