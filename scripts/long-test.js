// Runs one of the tests that are no part of `npm test`, in a fresh clone too: `node scripts/long-test.js test/soak.ts`, and its arguments.
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { prepare } from './prepare.js'
import { installTools } from './tools.js'

await prepare()
installTools(['redis'])
process.argv.splice(1, 1) // As if the test had been started itself.
const { register } = await import('tsx/esm/api')
register()
await import(pathToFileURL(resolve(process.argv[1])).href)
