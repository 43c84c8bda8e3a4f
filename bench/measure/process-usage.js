import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const MICROSECONDS = 1e6
const NS_PER_MICROSECOND = 1e3
let ticksPerSecond

/**
 * CPU that a process has used with all its threads, in microseconds (proc(5)). What of it was in user and in system mode is known in ticks, 100 a second:
 * measure seconds of it. The total is exact, as long as no thread ends in between.
 */
export function readCpu (pid) {
  ticksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const user = Number(fields[11]) / ticksPerSecond * MICROSECONDS
  const system = Number(fields[12]) / ticksPerSecond * MICROSECONDS
  return { user, system, total: readThreads(pid) ?? user + system }
}

/** Undefined where the kernel does not count it. */
function readThreads (pid) {
  try {
    return readdirSync(`/proc/${pid}/task`).reduce((sum, id) => sum + Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8').split(' ')[0]), 0) / NS_PER_MICROSECOND
  } catch {
    return undefined
  }
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
