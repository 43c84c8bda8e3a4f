import type { Deliver, Notification, Reach } from './broker/broker.js'

/** Follows a notification from its POST to the sockets of every node. */
export interface Tracer {
  /** The W3C `traceparent` of what is being done; undefined: it is not traced. */
  current: () => string | undefined
  /** Delivers as part of the trace that the notification has come with. */
  deliver: (notification: Notification, deliver: Deliver) => Promise<Reach>
}

/** Where the standard variables of OpenTelemetry want traces to go: `otlp`, `console`, or what else they name; nothing: nowhere. */
export function traceExporters (env: NodeJS.ProcessEnv): string[] {
  if (env['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true') return []
  const named = (env['OTEL_TRACES_EXPORTER'] ?? '').split(',').map((name) => name.trim()).filter((name) => name !== '')
  if (named.length > 0) return named.filter((name) => name !== 'none')
  return [env['OTEL_EXPORTER_OTLP_ENDPOINT'], env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']].some(Boolean) ? ['otlp'] : []
}
