// Runs the tests (all, or the files that are named) and ends with a count; installs what they need first.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { prepare } from './prepare.js'
import { installTools, testTools } from './tools.js'

const root = join(import.meta.dirname, '..')
const results = join(root, '.tap/results.tap')

/** Passed and failed assertions, from the last line of the results, and what the results say of each that failed. */
function readResults () {
  const text = existsSync(results) ? readFileSync(results, 'utf8') : ''
  const totals = /# \{([^}]*)\}\s*(?:# .*\s*)*$/.exec(text)?.[1] ?? ''
  const count = (name) => Number(new RegExp(`${name}: (\\d+)`).exec(totals)?.[1] ?? 0)
  const failures = [...text.matchAll(/^( *)not ok .*\n(?:\1 {2}---\n[^]*?\n\1 {2}\.\.\.)?/gm)].map(([failure]) => failure)
  return { passed: count('pass'), failed: count('fail'), skipped: count('skip') + count('todo'), failures }
}

await prepare()
installTools(testTools)
const { status } = spawnSync(process.execPath, [
  join(root, 'node_modules/tap/dist/esm/run.mjs'), `--reporter=${process.stdout.isTTY ? 'terse' : 'silent'}`, `--output-file=${results}`, ...process.argv.slice(2)
], { cwd: root, stdio: 'inherit' })

const { passed, failed, skipped, failures } = readResults()
const broken = status !== 0 && failed === 0
// No reporter for a log says which file took too long.
if (!process.stdout.isTTY) for (const failure of failures) console.log(`\n${failure}`)
// The reporter leaves the cursor where it was: the count has a line of its own.
console.log(`\n${passed} passed, ${broken ? 1 : failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
process.exitCode = status ?? 1
