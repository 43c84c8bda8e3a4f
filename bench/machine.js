import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cores } from './measure/cores.js'

/** Most descriptors that a process may have here; a benchmark with 19,000 sockets needs 19,500. */
export const FILES_NEEDED = 19_500

/** What was measured on, and with which versions. */
export function describeMachine (othersUsePercent) {
  return {
    date: new Date().toISOString(),
    cpu: os.cpus()[0]?.model ?? 'unknown',
    cores: os.availableParallelism(),
    pinnedTo: cores ?? null,
    othersUsePercent,
    kernel: `${os.type()} ${os.release()}`,
    node: process.version,
    versions: {
      '@fastify/websocket': versionOf('@fastify/websocket'),
      'socket.io': versionOf('socket.io'),
      uwebsockets: versionOf('uwebsockets'),
      fastapi: pythonVersions()
    }
  }
}

/** How much of the machine, in percent, others use. */
export async function othersUse () {
  const before = os.cpus()
  await sleep(1_000)
  const spent = os.cpus().map(({ times }, i) => Object.entries(times).map(([kind, ms]) => ({ kind, ms: ms - before[i].times[kind] }))).flat()
  const sum = (parts) => parts.reduce((total, { ms }) => total + ms, 0)
  return Math.round(sum(spent.filter(({ kind }) => kind !== 'idle')) / sum(spent) * 100)
}

/** The hard limit on open files, which Node takes by itself. */
export function mostFiles () {
  const limit = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  return limit === 'unlimited' ? Infinity : Number(limit)
}

const versionOf = (name) => JSON.parse(readFileSync(join(import.meta.dirname, 'node_modules', name, 'package.json'), 'utf8')).version

function pythonVersions () {
  const script = 'import fastapi, uvicorn, uvloop; print(fastapi.__version__, uvicorn.__version__, uvloop.__version__)'
  const { status, stdout } = spawnSync('/usr/bin/python3', ['-c', script], { encoding: 'utf8' })
  if (status !== 0) return null
  const [fastapi, uvicorn, uvloop] = stdout.trim().split(' ')
  return `${fastapi}, uvicorn ${uvicorn}, uvloop ${uvloop}`
}
