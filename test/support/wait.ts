import { setTimeout as sleep } from 'node:timers/promises'

/** Long enough for what does not depend on the time it takes, on a machine that has much else to do. */
const PATIENCE_MS = 30_000

/** Resolves with the milliseconds that it took until `condition` held; @throws after `ms`. */
export async function until (condition: () => boolean | Promise<boolean>, ms = PATIENCE_MS): Promise<number> {
  const started = performance.now()
  while (!await condition()) {
    if (performance.now() - started > ms) throw new Error(`not within ${ms} ms: ${String(condition)}`)
    await sleep(20)
  }
  return performance.now() - started
}
