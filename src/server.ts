import closeWithGrace from 'close-with-grace'
import { createApp } from './app.js'
import { BrokerError } from './broker/broker.js'
import { ConfigError, readConfig } from './config.js'
import { loggerOptions } from './log.js'
import { traceExporters } from './tracing.js'

/** Says why the service cannot run, in one line or a few, and ends. */
function giveUp (reason: string): never {
  console.error(reason)
  process.exit(1)
}

function readEnvironment () {
  try {
    return readConfig(process.env)
  } catch (error) {
    if (error instanceof ConfigError) giveUp(error.message)
    throw error
  }
}

const config = readEnvironment()
const { HOST, PORT, LOG_LEVEL, DRAIN_SECONDS } = config
const exporters = traceExporters(process.env)
const tracing = exporters.length === 0 ? undefined : (await import('../plugins/tracing.js')).startTracing(exporters)
const app = createApp(config, loggerOptions(LOG_LEVEL, process.stdout.isTTY), tracing)

process.stdout.on('error', () => {}) // Whoever read the log is gone; the service is not.

/** The part of the time for a stop after which requests are cut off. By then the last client has been ended (see `createApp`), and no request begins any more. */
const CUT_OFF_SHARE = 0.95

/** How long a stop waits for the last traces: no more than this, and than 5 % of its time. */
const FLUSH_MS = 1000

/** For a start that waits for Redis, or for keys. */
const SPARE_SECONDS = 5

/** They say that native code has failed, at an instruction that fails again when a handler returns: the process has to end there. */
const CRASHES = ['SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGILL', 'SIGSEGV', 'SIGTRAP'] as const

// The last resort: everything that a stop waits for has its own bound, within `DRAIN_SECONDS`, but for a start that is not over yet.
closeWithGrace({ delay: (DRAIN_SECONDS + SPARE_SECONDS) * 1000, skip: [...CRASHES], logger: app.log }, async ({ err, signal }) => {
  // Ctrl-C in a terminal reaches a process that npm started twice, and systemd may send SIGHUP behind SIGTERM; the stop has its bound without a second signal.
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeAllListeners(name).on(name, () => {})

  if (err !== undefined) app.log.fatal({ err }, 'failed')
  app.log.info({ signal }, 'stopping')
  // Requests that are still unfinished when the clients have had their time are cut off.
  const cutOff = setTimeout(() => { app.server.closeAllConnections() }, DRAIN_SECONDS * 1000 * CUT_OFF_SHARE)
  await app.close()
  clearTimeout(cutOff)
  await tracing?.stop(Math.min(FLUSH_MS, Math.max(DRAIN_SECONDS, 1) * 50))
  app.log.info('stopped')
})

app.listen({ host: HOST, port: PORT }).catch((error: NodeJS.ErrnoException) => {
  if (error instanceof BrokerError) giveUp(error.message)
  if (error.code === 'EADDRINUSE') giveUp(`PORT ${PORT} on ${HOST} is in use: stop what listens there, or set PORT`)
  if (['listen', 'getaddrinfo'].includes(error.syscall ?? '')) giveUp(`HOST ${HOST}, PORT ${PORT} cannot be listened on: ${error.message}`)
  throw error
})
