import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const alertsFile = join(import.meta.dirname, '../../docs/alerts.yml')

/** The alerts, each of whose parts stands on a line of its own. */
export const alerts = readFileSync(alertsFile, 'utf8').split('- alert: ').slice(1).map((text) => {
  const part = (name: string) => new RegExp(`^ *${name}: (.*)$`, 'm').exec(text)?.[1] ?? ''
  return { name: text.split('\n')[0] ?? '', expr: part('expr'), summary: part('summary'), description: part('description') }
})
