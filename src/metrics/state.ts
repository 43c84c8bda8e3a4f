import { Counter, Gauge, type Registry } from 'prom-client'
import type { Broker } from '../broker/broker.js'
import type { ConnectionManager } from '../connections/connection-manager.js'
import { whyNotReady, type Working } from '../readiness.js'

/** What is looked at when somebody asks for the metrics. */
export interface Watched extends Working {
  connections: Pick<ConnectionManager, 'stopping' | 'getTally'>
  broker: Pick<Broker, 'problem' | 'journalSize' | 'link'>
}

/** Adds what is read at a scrape, from numbers that are kept anyway. What is said of a journal, or of Redis, is there only where that is. */
export function watch (registry: Registry, { connections, broker, keySet }: Watched): void {
  const registers = [registry]
  const gauge = (name: string, help: string, read: () => number) => new Gauge({ name, help, registers, collect () { this.set(read()) } })
  const counter = (name: string, help: string, read: () => number) => new Counter({ name, help, registers, collect () { setTo(this, read()) } })

  gauge('herald_ready', 'Whether the service does its work: 1, or 0 while `/health/ready` is 503.', () => whyNotReady({ connections, broker, keySet }) === undefined ? 1 : 0)
  gauge('herald_draining', 'Whether the service is being stopped: 1 while its clients are sent away, else 0.', () => connections.stopping ? 1 : 0)

  // All sockets are gone through once a scrape: for the first of these, which is the first to be asked.
  let tally = connections.getTally()
  const open = new Gauge({ name: 'herald_connections', help: 'Open sockets of this node, of users and anonymous.', labelNames: ['kind'], registers, collect })
  function collect () {
    tally = connections.getTally()
    open.set({ kind: 'user' }, tally.connections - tally.anonymous)
    open.set({ kind: 'anonymous' }, tally.anonymous)
  }
  gauge('herald_users', 'Users who hold a socket of this node.', () => tally.users)
  gauge('herald_waiting_bytes', 'Bytes that wait in this process for slow readers; one for whom more than `MAX_BUFFERED_BYTES` wait is closed with 4001.', () => tally.waitingBytes)
  counter('herald_received_frames_total', 'Frames from clients; a pong that answers a ping is not counted.', () => tally.framesIn)
  counter('herald_sent_frames_total', 'Data frames to clients.', () => tally.framesOut)
  counter('herald_received_bytes_total', 'Bytes that came on the sockets of clients, with handshakes and all that the protocol adds.', () => tally.bytesIn)
  counter('herald_sent_bytes_total', 'Bytes that went out on the sockets of clients, with handshakes and all that the protocol adds.', () => tally.bytesOut)
  counter('herald_replayed_notifications_total', 'Notifications that were read from the journal for clients that came back or had to catch up.', () => tally.replayed)

  if (broker.journalSize !== undefined) {
    const size = broker.journalSize.bind(broker)
    gauge('herald_journal_entries', 'Entries in the journal (`file:` and `memory:`): two for each notification, and some for users and idempotency keys.', () => size().entries)
    gauge('herald_journal_size_bytes', 'Size of the file of the journal (`file:`; 0 with `memory:`).', () => size().bytes)
  }
  const { link } = broker
  if (link !== undefined) {
    gauge('herald_redis_up', 'Whether what is published comes back from Redis: 1, or 0 while `POST` is answered 503.', () => link.ready ? 1 : 0)
    gauge('herald_redis_probe_duration_seconds', 'How long the newest probe took that this node sent to itself through Redis; there are two a second.', () => link.probeMs / 1000)
    gauge('herald_redis_probe_age_seconds', 'Time since that probe came back.', () => link.probeAgeMs / 1000)
    counter('herald_redis_reconnects_total', 'How often Redis was lost and found again.', () => link.reconnects)
  }
}

function setTo (counter: Counter, value: number): void {
  counter.reset()
  counter.inc(value)
}
