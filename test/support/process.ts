import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { end, keep } from '../../scripts/children.js'
import { Lines } from './lines.js'

export const root = join(import.meta.dirname, '../..')

export type Environment = Record<string, string>

/** Who ends what was started for him: a test, mostly. */
export interface Owner { teardown: (end: () => unknown) => void }

/** Gives work an owner of its own: what was started for it is ended after it, the last first. */
export async function withOwner<T> (work: (owner: Owner) => Promise<T>): Promise<T> {
  const endings: Array<() => unknown> = []
  try {
    return await work({ teardown: (end) => { endings.push(end) } })
  } finally {
    for (const end of endings.reverse()) await end()
  }
}

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

/** tap has Node.js load its own modules into every process; what is tested starts faster without them. */
const withoutTap = ['env', '-u', 'NODE_OPTIONS']

export interface Running {
  pid: number
  stdout: Lines
  stderr: Lines
  /** Resolves after the last line of both. */
  exited: Promise<Exit>
  kill: (signal: NodeJS.Signals) => void
}

/** Starts a program with nothing of this environment but the paths; ends it with the test. A service keeps nothing unless it is told to. */
export function start (t: Owner, program: string, args: string[], env: Environment = {}, cwd = root): Running {
  const [command = '', ...rest] = [...withoutTap, program, ...args]
  const child = keep(spawn(command, rest, { cwd, env: { ...paths(), BROKER_URL: 'memory:', ...env }, stdio: ['ignore', 'pipe', 'pipe'] })) // A test that timed out is not torn down.
  if (child.pid === undefined) throw new Error(`${program} cannot be started`)

  t.teardown(async () => { await end(child) })
  return {
    pid: child.pid,
    stdout: linesOf(child.stdout),
    stderr: linesOf(child.stderr),
    exited: once(child, 'close').then(([code, signal]) => ({ code, signal })),
    kill: (signal) => { child.kill(signal) }
  }
}

/** Runs a program to its end. */
export async function run (t: Owner, program: string, args: string[], env: Environment = {}, cwd = root) {
  const { stdout, stderr, exited } = start(t, program, args, env, cwd)
  const { code } = await exited
  return { code, stdout: stdout.text, stderr: stderr.text }
}

export interface Server extends Running {
  port: number
  http: string
  ws: string
}

/** Starts the built service on a free port and waits until it listens. */
export async function startServer (t: Owner, env: Environment = {}, args = [join(root, 'dist/src/server.js')], cwd = root): Promise<Server> {
  const running = start(t, process.execPath, args, { PORT: '0', ...env }, cwd)
  const [, port] = await running.stdout.match(/Server listening at http:\/\/127\.0\.0\.1:(\d+)/).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${running.stderr.text}`)
  })
  return { ...running, port: Number(port), http: `http://127.0.0.1:${port}/api/v1/ws`, ws: `ws://127.0.0.1:${port}/api/v1/ws` }
}

/** Builds what `dist` lacks. */
export function prepareBuild (): void {
  const script = "import('./scripts/prepare.js').then(({ prepare }) => prepare())"
  const [command = '', ...args] = [...withoutTap, process.execPath, '-e', script]
  const { status, stderr } = spawnSync(command, args, { cwd: root, env: paths(), encoding: 'utf8' })
  if (status !== 0) throw new Error(`the build failed: ${stderr}`)
}

const paths = (): Environment => Object.fromEntries(['PATH', 'HOME', 'NODE_EXTRA_CA_CERTS'].flatMap((name) => {
  const value = process.env[name]
  return value === undefined ? [] : [[name, value]]
}))

function linesOf (stream: Readable): Lines {
  const lines = new Lines()
  createInterface(stream).on('line', (line) => { lines.push(line) }).on('close', () => { lines.end() })
  return lines
}
