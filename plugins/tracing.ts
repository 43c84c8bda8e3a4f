import { setTimeout as sleep } from 'node:timers/promises'
import { FastifyOtelInstrumentation } from '@fastify/otel'
import { context, diag, DiagLogLevel, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, ConsoleSpanExporter, NodeTracerProvider, type SpanExporter } from '@opentelemetry/sdk-trace-node'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { withoutToken } from '../src/access/token.js'
import type { Tracer } from '../src/tracing.js'
import { version } from '../src/version.js'

export interface Tracing {
  /** To be registered first. */
  plugin: FastifyPluginAsync
  tracer: Tracer
  /** Sends what is not sent yet; takes no longer than this. */
  stop: (ms: number) => Promise<void>
}

const makers: Record<string, () => SpanExporter> = {
  otlp: () => new OTLPTraceExporter(),
  console: () => new ConsoleSpanExporter()
}

/** Traces of OpenTelemetry, to these exporters. This file is loaded only where they are asked for. */
export function startTracing (exporters: string[]): Tracing {
  const provider = new NodeTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': 'herald', 'service.version': version }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: exporters.flatMap((name) => makers[name]?.() ?? []).map((exporter) => new BatchSpanProcessor(exporter))
  })
  provider.register()

  const instrumentation = new FastifyOtelInstrumentation({
    instrumentHooks: false,
    instrumentHandler: false,
    requestHook (span, { method, url, routeOptions }) {
      span.updateName(`${method} ${routeOptions.url ?? ''}`.trim())
      span.setAttribute('url.path', withoutToken(url)) // The instrumentation leaves all of it.
    }
  })

  const plugin: FastifyPluginAsync = async (fastify) => {
    const warn = (text: string) => { fastify.log.warn(`traces: ${text}`) }
    diag.setLogger({ error: warn, warn, info () {}, debug () {}, verbose () {} }, DiagLogLevel.WARN)
    for (const name of exporters) if (!(name in makers)) warn(`OTEL_TRACES_EXPORTER has "${name}", which is none of ${Object.keys(makers).join(', ')}`)

    await fastify.register(instrumentation.plugin())
    fastify.addHook('onRequest', (request, reply, done) => {
      const { span } = request.opentelemetry()
      if (span != null) request.log = reply.log = request.log.child({ trace_id: span.spanContext().traceId })
      done()
    })
    // A body that came in since may have cost the context.
    fastify.addHook('preHandler', (request, _reply, done) => {
      const { context: own } = request.opentelemetry()
      if (own == null) done()
      else context.with(own, done)
    })
  }

  return {
    plugin: fp(plugin, { name: 'tracing', fastify: '5.x' }),
    tracer: tracerOf(),
    async stop (ms) {
      await Promise.race([provider.shutdown().catch(() => {}), sleep(ms)])
    }
  }
}

function tracerOf (): Tracer {
  const tracer = trace.getTracer('herald', version)
  return {
    current () {
      const carrier: { traceparent?: string } = {}
      propagation.inject(context.active(), carrier)
      return carrier.traceparent
    },
    async deliver (notification, deliver) {
      const { traceparent, id, userId } = notification
      if (traceparent === undefined) return await deliver(notification)

      const attributes = { 'herald.notification.id': id, 'herald.notification.kind': userId === null ? 'broadcast' : 'personal' }
      const span = tracer.startSpan('herald.deliver', { kind: SpanKind.CONSUMER, attributes }, propagation.extract(ROOT_CONTEXT, { traceparent }))
      try {
        const reach = await deliver(notification)
        span.setAttribute('herald.connections', reach.connections)
        return reach
      } finally {
        span.end()
      }
    }
  }
}
