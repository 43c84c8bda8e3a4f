import { setTimeout as sleep } from 'node:timers/promises'

/** Resolves with the milliseconds that it took until `condition` held; @throws after `ms`. */
export async function until (condition: () => boolean | Promise<boolean>, ms: number): Promise<number> {
  const started = performance.now()
  while (!await condition()) {
    if (performance.now() - started > ms) throw new Error(`not within ${ms} ms: ${String(condition)}`)
    await sleep(20)
  }
  return performance.now() - started
}
