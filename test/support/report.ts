import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Runs a test by hand: in a folder of its own, with its progress, and at the end its counts and what is wrong; ends the process. */
export async function report (name: string, run: (folder: string, progress: (text: string) => void) => Promise<{ problems: string[] }>): Promise<never> {
  const folder = mkdtempSync(join(tmpdir(), `herald-${name}-`))
  try {
    const { problems, ...counts } = await run(folder, (text) => { process.stderr.write(`\r${text.padEnd(40)}`) })
    console.log(`\n${JSON.stringify(counts)}`)
    for (const problem of problems) console.log(problem)
    console.log(problems.length === 0 ? 'nothing was lost, doubled, out of order or for somebody else' : `${problems.length} problems`)
    process.exitCode = Math.min(problems.length, 1)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  process.exit()
}
