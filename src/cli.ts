#!/usr/bin/env node
import { parseArgs } from 'node:util'
import jwt from '@fastify/jwt'
import { fastify as createFastify } from 'fastify'
import { scopes } from './access/identity.js'

const usage = `herald start
    Runs the service. Settings come from the environment.

herald token --sub <user> [--scope "<scope> <scope>"] [--expires <time, such as 1h>]
    Prints a token signed with JWT_SECRET, for JWT_ISSUER and JWT_AUDIENCE if they are set. Scopes are ${scopes.join(', ')}.
    Without --expires it does not expire.
`

const commands: Record<string, (args: string[]) => Promise<unknown>> = {
  start: async () => await import('./server.js'),
  token: async (args) => { console.log(await signToken(args)) },
  help: async () => { console.log(usage) },
  '-h': async () => { console.log(usage) },
  '--help': async () => { console.log(usage) }
}

const TIME = /^\d+ ?(s|m|h|d|w)$/

async function signToken (args: string[]): Promise<string> {
  const { sub, scope, expires } = parseArgs({
    args,
    options: { sub: { type: 'string' }, scope: { type: 'string' }, expires: { type: 'string' } }
  }).values
  const { JWT_SECRET: secret, JWT_ISSUER, JWT_AUDIENCE } = process.env
  const [iss, aud] = [JWT_ISSUER?.trim(), JWT_AUDIENCE?.trim()] // As the service reads them.
  if (secret === undefined || secret === '') throw new Error('JWT_SECRET is not set: a token is signed with it')
  if (sub === undefined || sub === '') throw new Error('--sub is required: whose token it is')
  const unknown = scope?.split(' ').find((name) => name !== '' && !scopes.some((known) => known === name))
  if (unknown !== undefined) throw new Error(`--scope: there is no "${unknown}"; there are ${scopes.join(', ')}`)
  if (expires !== undefined && !TIME.test(expires)) throw new Error('--expires must be a time with its unit, such as 30m, 1h or 7d')

  const app = createFastify()
  await app.register(jwt, { secret })
  return app.jwt.sign({ sub, ...(scope !== undefined && { scope }), ...(iss && { iss }), ...(aud && { aud }) }, expires === undefined ? {} : { expiresIn: expires })
}

const [name = 'help', ...args] = process.argv.slice(2)
const command = Object.hasOwn(commands, name) ? commands[name] : undefined
if (command === undefined) {
  console.error(`there is no command "${name}"\n\n${usage}`)
  process.exitCode = 1
} else {
  command(args).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  })
}
