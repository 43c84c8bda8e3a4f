const NAP_MS = 0.05
const REST_MS = 20

const everyTurn = new Set()
const never = new Int32Array(new SharedArrayBuffer(4))
let napMs = 0

/**
 * Keeps the event loop turning, and never asleep. A reader that sleeps costs the server a wake-up with each write,
 * as readers on other machines would not; how many sleep depends on the pace, which blurs every comparison.
 */
export function spin () {
  for (const onTurn of everyTurn) onTurn(performance.now())
  if (napMs > 0) Atomics.wait(never, 0, 0, napMs)
  setImmediate(spin)
}

/** From now on, leaves the core to another load process for a moment with each turn. */
export function giveWay () {
  napMs = NAP_MS
}

/** From now on, costs next to nothing, and does no more than answer heartbeats; or works again. */
export function rest (rests) {
  napMs = rests ? REST_MS : 0
}

/** Calls `tick` every `intervalMs`, `times` times, with the time when it should have been called and its number; resolves after the last. */
export function atPace (intervalMs, times, tick) {
  return new Promise((resolve) => {
    const started = performance.now()
    let done = 0
    const onTurn = (now) => {
      while (done < times && now >= started + done * intervalMs) {
        tick(started + done * intervalMs, done)
        done++
      }
      if (done < times) return
      everyTurn.delete(onTurn)
      resolve()
    }
    everyTurn.add(onTurn)
  })
}

/** Resolves when `condition` holds, or after `waitMs`; says whether it does. */
export function until (condition, waitMs) {
  return new Promise((resolve) => {
    const deadline = performance.now() + waitMs
    const onTurn = (now) => {
      const holds = condition()
      if (!holds && now < deadline) return
      everyTurn.delete(onTurn)
      resolve(holds)
    }
    everyTurn.add(onTurn)
  })
}
