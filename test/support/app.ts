import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { createApp, type HeraldOptions } from '../../src/app.js'
import { readConfig } from '../../src/config.js'
import { post } from './rest.js'
import { sign } from './token.js'

export const SECRET = 'a secret of the tests, 32 bytes or more'

/** Every scope there is. */
export const ALL_SCOPES = 'notifications:publish stats:read connections:manage'

/** A service of its own for a test, listening on a free port of 127.0.0.1; with `SECRET` for a key and a journal in memory unless told otherwise. */
export async function build (t: Test, settings: HeraldOptions = {}, log?: { write: (line: string) => void }) {
  const app = createApp(readConfig({ JWT_SECRET: SECRET, BROKER_URL: 'memory:', ...settings }), log !== undefined && { level: settings.LOG_LEVEL ?? 'info', stream: log })
  const addresses: string[] = []
  app.addHook('onRoute', ({ method, url }) => { addresses.push(...[method].flat().map((name) => `${name} ${url}`)) })
  t.teardown(() => app.close())
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const base = `127.0.0.1:${port}/api/v1/ws`

  return {
    app,
    port,
    /** Every address of the running service, as `GET /path`. */
    addresses,
    http: `http://${base}`,
    ws: `ws://${base}`,
    /** See `post` in `rest.ts`. */
    post: async (path: string, body: unknown, headers?: Record<string, string>) => await post({ http: `http://${base}` }, path, body, headers)
  }
}

export type Service = Awaited<ReturnType<typeof build>>

/** The address of a user's socket, with a token that is his. */
export const addressOf = ({ ws }: Pick<Service, 'ws'>, userId: string, scope = ''): string =>
  `${ws}/${encodeURIComponent(userId)}?token=${sign({ sub: userId, scope })}`
