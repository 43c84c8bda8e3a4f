import { ALL_SCOPES } from './app.js'
import { sign } from './token.js'

/** What the addresses of a service begin with, whatever process it is in. */
export interface Address { http: string }

const authorized = () => ({ authorization: `Bearer ${sign({ scope: ALL_SCOPES })}` })

/** POSTs JSON with a token that has every scope. */
export async function post ({ http }: Address, path: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${http}${path}`, {
    method: 'POST',
    headers: { ...authorized(), 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body)
  })
  return { status: response.status, headers: response.headers, body: await response.json() as Record<string, unknown> }
}

/** What a service says when it is asked whether it is ready. */
export async function readiness ({ http }: Address) {
  const response = await fetch(new URL('/health/ready', http))
  return { status: response.status, body: await response.json() as Record<string, unknown> }
}

/** Whether a service says that it is ready; it must say so, or that it is not. */
export async function isReady (service: Address): Promise<boolean> {
  const { status } = await readiness(service)
  if (status !== 200 && status !== 503) throw new Error(`readiness was answered ${status}`)
  return status === 200
}

/** Who is connected, by a token that has every scope. */
export async function stats ({ http }: Address) {
  const response = await fetch(`${http}/stats`, { headers: authorized() })
  return await response.json() as { total_connections: number, connected_users: string[], users_count: number }
}
