import { once } from 'node:events'

const running = new Set()

/** Ends a child with this process, whatever happens. */
export function keep (child) {
  running.add(child)
  child.once('exit', () => { running.delete(child) })
  return child
}

/** Kills a child and waits for its end. A server has nothing to say any more, so it is not asked. */
export async function end (child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

process.on('exit', () => { for (const child of running) child.kill('SIGKILL') })
