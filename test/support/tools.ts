import type { Test } from 'tap'
import * as tools from '../../scripts/tools.js'

/**
 * Whether a test that needs a tool of the system may go on.
 * Where the tool is missing the test is skipped, saying what to install; in CI (`CI=true`) it fails.
 */
export function hasTool (t: Test, name: Parameters<typeof tools.hasTool>[0]): boolean {
  if (tools.hasTool(name)) return true

  const reason = `${name} is missing: ${tools.howToInstall([name])}`
  if (process.env['CI'] === 'true') t.fail(reason)
  else t.pass(name, { skip: reason })
  return false
}
