import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

/** Requests of one connection that may wait for their answers. */
const MAX_UNANSWERED = 32

/**
 * Bounds what one connection may ask for without reading the answers (RFC 9112 §9.3.2): Node reads 64 KB of requests, and all of them are served, before it
 * counts what waits to be sent. And ends the answers that wait behind another one when their connection is gone, which Node does not: files would stay open.
 */
const pipeliningPlugin: FastifyPluginAsync = async (fastify) => {
  const unanswered = new WeakMap<Socket, Set<ServerResponse>>()

  function answersOf (socket: Socket): Set<ServerResponse> {
    const known = unanswered.get(socket)
    if (known !== undefined) return known

    const answers = new Set<ServerResponse>()
    unanswered.set(socket, answers)
    socket.once('close', () => {
      // As Node does for the one that is being sent.
      for (const answer of answers) if (answer.socket === null) Object.assign(answer, { destroyed: true, _closed: true }).emit('close')
    })
    return answers
  }

  function answered (this: ServerResponse): void { unanswered.get(this.req.socket)?.delete(this) }

  fastify.addHook('onRequest', ({ raw }: { raw: IncomingMessage }, reply, done) => {
    const { socket } = raw
    const answers = answersOf(socket)
    if (answers.size === MAX_UNANSWERED) socket.destroy()
    if (socket.destroyed) {
      reply.hijack()
      return
    }
    answers.add(reply.raw)
    reply.raw.on('close', answered)
    done()
  })
}

export default fp(pipeliningPlugin, { name: 'pipelining', fastify: '5.x' })
