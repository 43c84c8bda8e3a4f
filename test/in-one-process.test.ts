import { readdirSync } from 'node:fs'
import { join } from 'node:path'

// What these tests do takes less time than the start of a process for each of their files; to run one alone, name it.
for (const folder of ['guide', 'metrics', 'plugins', 'routes', 'src']) {
  const files = readdirSync(join(import.meta.dirname, folder), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.ts'))
  for (const file of files.sort()) await import(join(import.meta.dirname, folder, file))
}
