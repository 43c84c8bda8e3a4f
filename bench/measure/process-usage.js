import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const MICROSECONDS = 1e6
let ticksPerSecond

/** CPU that a process has used with all its threads, in microseconds (proc(5)). The clock ticks 100 times a second: measure seconds, not less. */
export function readCpu (pid) {
  ticksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const user = Number(fields[11]) / ticksPerSecond * MICROSECONDS
  const system = Number(fields[12]) / ticksPerSecond * MICROSECONDS
  return { user, system, total: user + system }
}

/** CPU between two readings, by what it was spent on. */
export function cpuBetween (before, after, count = 1) {
  return Object.fromEntries(Object.keys(before).map((part) => [part, (after[part] - before[part]) / count]))
}

/** Resident memory in KB. `smaps_rollup` counts; `status`, where that may not be read, is off by up to some hundred. */
export function readRss (pid) {
  try {
    return Number(/^Rss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1])
  } catch {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1])
  }
}
