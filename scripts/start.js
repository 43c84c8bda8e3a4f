import { prepare } from './prepare.js'

await prepare()
await import('../dist/src/server.js')
