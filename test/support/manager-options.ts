import type { ConnectionManagerOptions } from '../../src/connections/connection-manager.js'

/** What a connection manager of a test has, unless the test says otherwise. */
export const managerOptions: ConnectionManagerOptions = {
  idPrefix: 'node',
  maxConnections: 100_000,
  maxConnectionsPerUser: 100_000,
  maxBufferedBytes: 1000,
  maxErrors: 10,
  messageRate: 20,
  heartbeatIntervalMs: 1000,
  heartbeatTimeoutMs: 400,
  tokenGraceMs: 0
}
