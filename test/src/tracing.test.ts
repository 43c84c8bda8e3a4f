import t from 'tap'
import { traceExporters } from '../../src/tracing.js'

t.test('the standard variables say whether there are traces', async (t) => {
  const endpoint = 'http://127.0.0.1:4318'

  t.strictSame(traceExporters({}), [])
  t.strictSame(traceExporters({ OTEL_SERVICE_NAME: 'herald' }), [])
  t.strictSame(traceExporters({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }), ['otlp'])
  t.strictSame(traceExporters({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint }), ['otlp'])
  t.strictSame(traceExporters({ OTEL_TRACES_EXPORTER: 'otlp, console' }), ['otlp', 'console'])
  t.strictSame(traceExporters({ OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }), [])
  t.strictSame(traceExporters({ OTEL_SDK_DISABLED: 'true', OTEL_TRACES_EXPORTER: 'otlp' }), [])
  t.strictSame(traceExporters({ OTEL_TRACES_EXPORTER: '', OTEL_EXPORTER_OTLP_ENDPOINT: '' }), [])
})
