import type { Test } from 'tap'

/** Puts the clock forward by so many seconds, whenever what it returns is called, for a service that is built after it. */
export function moveClock (t: Test): (seconds: number) => void {
  const { now } = Date
  let ahead = 0
  Date.now = () => now() + ahead
  t.teardown(() => { Date.now = now })
  return (seconds) => { ahead += 1000 * seconds }
}
