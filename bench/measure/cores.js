import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const read = (path) => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** The numbers of a list like `0-3,8`. */
function parseList (list) {
  return list.trim().split(',').filter(Boolean).flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, i) => first + i)
  })
}

function chooseCores () {
  const [server, ...others] = parseList(/Cpus_allowed_list:\s*(\S+)/.exec(read('/proc/self/status'))?.[1] ?? '')
  if (others.length === 0 || spawnSync('taskset', ['--version']).status !== 0) return undefined

  // Two threads of one core would slow each other down.
  const siblings = parseList(read(`/sys/devices/system/cpu/cpu${server}/topology/thread_siblings_list`))
  return { server, load: others.find((core) => !siblings.includes(core)) ?? others[0] }
}

/** The core that the server is pinned to and the one for the load; undefined where there are no two, or no `taskset`. */
export const cores = chooseCores()

/** A command, pinned to the core of that role. */
export const pinned = (role, command) => cores === undefined ? command : ['taskset', '-c', String(cores[role]), ...command]
