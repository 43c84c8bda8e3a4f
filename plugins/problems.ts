import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { AnsweredSocket } from '../src/answered-socket.js'
import { AppError, type ErrorCode, errorEntry } from '../src/errors.js'
import { loggedUrl } from '../src/log.js'
import { type Problem, toProblem } from '../src/protocol/problem.js'
import { validationError } from '../src/protocol/validator.js'

/** The errors of the framework that have a code of ours. */
const codes: Record<string, ErrorCode> = {
  FST_ERR_BAD_URL: 'invalid_url',
  FST_ERR_CTP_BODY_TOO_LARGE: 'too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type'
}

/** The errors of the HTTP parser that have a code of ours. */
const clientErrorCodes: Record<string, ErrorCode> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'headers_too_large'
}

export interface ProblemsOptions {
  /** There is an application around this one, whose hooks have errors of their own. */
  embedded: boolean
}

/** Every error of REST, and every refusal of an upgrade, is an RFC 9457 problem. */
const problemsPlugin: FastifyPluginAsync<ProblemsOptions> = async (fastify, { embedded }) => {
  fastify.setErrorHandler((error, request, reply) => {
    if (embedded && isForeign(error)) throw error // To the handler of the application.
    sendProblem(error, request, reply)
  })
}

/** What neither Fastify nor this service throws, but a hook of the application may. */
const isForeign = (error: unknown): boolean =>
  !(error instanceof AppError) && !(isFastifyError(error) && (error.code.startsWith('FST_ERR_') || error.validation !== undefined))

export function sendProblem (error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const known = toAppError(error, request)
  const { code } = known
  const { retryAfter, challenge } = errorEntry(code)
  const problem = toProblem(known)
  const upgrade = request.ws || isUpgrade(request) // The first is not known where the router has refused it.
  request.server.heraldMetrics.refused(upgrade ? 'upgrade' : 'request', code)
  if (code === 'internal_error') request.log.error({ err: error }, 'failed')
  else request.log.info({ code, status: problem.status, ...(!quotes(known) && { detail: problem.detail }), ip: request.ip, url: loggedUrl(request.url) }, 'refused')

  if (retryAfter !== undefined) reply.header('retry-after', retryAfter)
  if (challenge !== undefined) reply.header('www-authenticate', challenge)
  if (problem.status === 426) { // RFC 9110 §15.5.22, RFC 6455 §4.2.2
    const connection = upgrade || !reply.raw.shouldKeepAlive ? 'upgrade, close' : 'upgrade'
    reply.headers({ 'sec-websocket-version': '13', upgrade: 'websocket', connection })
  } else if (upgrade) {
    reply.header('connection', 'close')
  }
  reply.code(problem.status).type('application/problem+json').serializer(JSON.stringify).send(problem)
}

/** Whether the detail has something in it of what was sent, which may be a notification, or the address once more. */
const quotes = ({ code }: AppError): boolean => code === 'invalid_json' || code === 'invalid_request' || code === 'not_found'

/** Headers of an answer that no hook sees. */
const unhooked = { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' }

const isUpgrade = ({ raw }: { raw: IncomingMessage & { upgrade?: boolean } }): boolean => raw.upgrade === true

/** Answers an address that the router cannot read: no hooks run then. */
export function sendRouterProblem (error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  reply.headers({ ...unhooked, 'x-request-id': request.id })
  sendProblem(error, request, reply)
}

/** Answers what could not be parsed as a request; what it was may hold a token, so the log has the parser's code only. */
export function answerClientError (this: FastifyInstance, error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return

  const code = clientErrorCodes[error.code ?? ''] ?? 'invalid_request'
  const problem = toProblem(new AppError(code))
  this.heraldMetrics.refused('request', code)
  this.log.info({ code, cause: error.code, ip: socket.remoteAddress }, 'refused')
  socket.pause()
  breakOff(socket, problem)
}

/** Behind the answers to what was asked before on the same connection (RFC 9112 §9.3.2), and not in the middle of one. */
function breakOff (socket: Socket & AnsweredSocket, problem: Problem): void {
  const { _httpMessage: answer } = socket
  if (answer?.req.complete === true && !socket.destroyed) {
    answer.once('close', () => { breakOff(socket, problem) })
    return
  }
  if (socket.writable && answer?.headersSent !== true) {
    const body = JSON.stringify(problem)
    const headers = { ...unhooked, 'content-type': 'application/problem+json', 'content-length': Buffer.byteLength(body), connection: 'close' }
    socket.write(`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`)
  }
  socket.destroy()
}

function toAppError (error: unknown, request: FastifyRequest): AppError {
  if (error instanceof AppError) return error
  if (!isFastifyError(error)) return new AppError('internal_error')

  if (error.validation !== undefined) return validationError('invalid_request', error.validation[0])
  const code = codes[error.code]
  if (code === 'too_large') return new AppError(code, `the body may have at most ${request.routeOptions.bodyLimit} bytes`)
  if (code !== undefined) return new AppError(code)
  const { statusCode = 500 } = error
  return statusCode < 500 ? new AppError('invalid_request', error.message) : new AppError('internal_error')
}

const isFastifyError = (error: unknown): error is FastifyError => error instanceof Error && 'code' in error

export default fp(problemsPlugin, { name: 'problems', fastify: '5.x', dependencies: ['metrics'] })
