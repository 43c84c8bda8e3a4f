import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../scripts/ports.js'
import { type Owner, type Running, start } from './process.js'

export interface RedisServer {
  port: number
  url: string
  pid: number
  /** What `redis-cli` prints. */
  cli: (...args: string[]) => string
  kill: (signal: NodeJS.Signals) => void
  exited: Running['exited']
}

/** A `redis-server` of its own on a free port of 127.0.0.1; with a folder it keeps its append-only file there. */
export async function startRedis (t: Owner, { folder, port, args = [] }: { folder?: string, port?: number, args?: string[] } = {}): Promise<RedisServer> {
  const chosen = port ?? await freePort()
  const scratch = mkdtempSync(join(tmpdir(), 'herald-redis-'))
  t.teardown(() => { rmSync(scratch, { recursive: true, force: true }) })
  const server = start(t, '/usr/bin/redis-server', [
    '--port', String(chosen), '--bind', '127.0.0.1', '--save', '', '--daemonize', 'no',
    '--dir', folder ?? scratch, '--appendonly', folder === undefined ? 'no' : 'yes',
    ...args
  ])
  await server.stdout.match(/Ready to accept connections/)
  return {
    port: chosen,
    url: `redis://127.0.0.1:${chosen}`,
    pid: server.pid,
    cli: (...args) => spawnSync('/usr/bin/redis-cli', ['-p', String(chosen), ...args], { encoding: 'utf8' }).stdout.trim(),
    kill: server.kill,
    exited: server.exited
  }
}
