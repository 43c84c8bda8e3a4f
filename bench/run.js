// `npm run bench`: measures Herald beside its peers, prints tables, and keeps them in results/.
//   -- --quick             a reduced run, in under two minutes
//   -- --only name,name    these figures alone
//   -- --rounds n          so many rounds of each
import { parseArgs } from 'node:util'
import { prepare, run } from '../scripts/prepare.js'
import { hasTool, howToInstall, installTools } from '../scripts/tools.js'
import { figures } from './figures/index.js'
import { describeMachine, FILES_NEEDED, mostFiles, othersUse } from './machine.js'
import { Bench } from './measure/bench.js'
import { Progress } from './report/progress.js'
import { write } from './report/write.js'
import { installPackages } from './setup.js'
import { subjects } from './subjects.js'

// What it has started ends with it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => { process.exit(1) })

function readArguments () {
  try {
    const { values: { quick, only, rounds } } = parseArgs({ options: { quick: { type: 'boolean', default: false }, only: { type: 'string' }, rounds: { type: 'string' } } })
    const names = only?.split(',')
    const unknown = names?.find((name) => !figures.some((figure) => figure.name === name))
    if (unknown !== undefined) throw new Error(`there is no figure "${unknown}": ${figures.map(({ name }) => name).join(', ')}`)
    if (rounds !== undefined && !/^[1-9]\d?$/.test(rounds)) throw new Error(`--rounds takes a number from 1 to 99, not "${rounds}"`)
    return {
      quick,
      rounds: rounds && Number(rounds),
      chosen: figures.filter(({ name, inQuick }) => names?.includes(name) ?? (inQuick || !quick)),
      whole: !quick && only === undefined && rounds === undefined
    }
  } catch (error) {
    console.error(error.message)
    process.exit(2)
  }
}

const { quick, rounds, chosen, whole } = readArguments()
if (process.platform !== 'linux') {
  console.error('The benchmark needs Linux: it reads CPU and memory of the servers from /proc')
  process.exit(1)
}
await prepare()
installPackages()
installTools(['fastapi'])
if (chosen.some(({ needsRedis }) => needsRedis)) installTools(['redis'])

const progress = new Progress()
const present = subjects.filter(({ name }) => name !== 'fastapi' || hasTool('fastapi'))
if (present.length < subjects.length) progress.note(`FastAPI is left out: it is not here: ${howToInstall(['fastapi'])}`)
if (mostFiles() < FILES_NEEDED) progress.note(`The largest sizes will fail: a process may open ${mostFiles()} files here, and ${FILES_NEEDED} are needed (ulimit -n)`)
const othersUsePercent = await othersUse()
if (othersUsePercent > 10) progress.note(`Other programs use ${othersUsePercent} % of this machine: what is measured now is not worth much`)

const bench = new Bench({ quick, rounds, subjects: present, progress })
const measured = []
for (const [i, figure] of chosen.entries()) {
  progress.figure(i + 1, chosen.length, figure.title)
  measured.push({ figure, results: await figure.measure(bench) })
  write({ machine: describeMachine(othersUsePercent), measured, whole: false }) // So that not all is lost when it is ended.
}
progress.clear()

const { text, files } = write({ machine: describeMachine(othersUsePercent), measured, whole })
console.log(text)
if (whole) run('npm', ['run', '--silent', 'docs']) // The README has the table too.
progress.note(`Written: ${files.join(', ')}`)
if (measured.some(({ results }) => results.herald?.failed !== undefined)) process.exitCode = 1
process.exit()
