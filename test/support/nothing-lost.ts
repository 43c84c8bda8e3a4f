import { setTimeout as sleep } from 'node:timers/promises'
import type { Posted, Poster } from './poster.js'
import type { ResumingClient } from './resuming-client.js'

const seqOf = (id: string): number => Number(id.slice(id.lastIndexOf('-') + 1))

/** What clients have got. */
export interface Arrivals {
  received: number
  resumes: number
  replayed: number
  /** How often they were told when to come back. */
  told: number
  /** What is wrong, in lines. */
  problems: string[]
}

export interface Tally extends Arrivals {
  answered: number
  unanswered: number
  refused: number
}

/** What came of all that was posted, when what was answered has had `waitMs` to arrive. */
export async function tally (clients: ResumingClient[], posters: Poster[], waitMs: number): Promise<Tally> {
  return tallyOf(posters, [await arrivals(clients, answeredBy(posters), waitMs)])
}

const answeredBy = (posters: Poster[]): Posted[] => posters.flatMap(({ answered }) => answered)

/** What clients have got when what was answered has had `waitMs` to arrive. */
export async function arrivals (clients: ResumingClient[], answered: Posted[], waitMs: number): Promise<Arrivals> {
  const problems = await checkNothingLost(clients, answered, waitMs)
  return {
    received: sumOf(clients, ({ received }) => received.length),
    resumes: sumOf(clients, ({ resumes }) => resumes),
    replayed: sumOf(clients, ({ replayed }) => replayed),
    told: sumOf(clients, ({ told }) => told),
    problems
  }
}

/** `arrived`: what each group of clients has got. */
export function tallyOf (posters: Poster[], arrived: Arrivals[]): Tally {
  return {
    answered: answeredBy(posters).length,
    unanswered: sumOf(posters, ({ unanswered }) => unanswered),
    refused: sumOf(posters, ({ refused }) => refused),
    received: sumOf(arrived, ({ received }) => received),
    resumes: sumOf(arrived, ({ resumes }) => resumes),
    replayed: sumOf(arrived, ({ replayed }) => replayed),
    told: sumOf(arrived, ({ told }) => told),
    problems: [...posters, ...arrived].flatMap(({ problems }) => problems)
  }
}

export const sumOf = <T>(all: T[], of: (one: T) => number): number => all.reduce((sum, one) => sum + of(one), 0)

/** Waits until every client has what was answered, or for `waitMs`; returns what is wrong, in lines. */
export async function checkNothingLost (clients: ResumingClient[], posted: Posted[], waitMs: number): Promise<string[]> {
  const deadline = Date.now() + waitMs
  const byId = new Map(posted.map((one) => [one.id, one]))
  const expected = new Map(clients.map(({ userId }) => [userId, posted.filter((one) => concerns(one, userId))]))
  const problemsOf = (client: ResumingClient) => check(client, expected.get(client.userId) ?? [], byId)
  while (clients.some((client) => problemsOf(client).length > 0) && Date.now() < deadline) await sleep(200)
  return clients.flatMap((client, i) => [...client.problems, ...problemsOf(client)].map((problem) => `client ${i} of ${String(client.userId)}: ${problem}`))
}

function check ({ received, userId }: ResumingClient, expected: Posted[], byId: Map<string, Posted>): string[] {
  const got = new Set(received)
  const missing = expected.filter(({ id }) => !got.has(id))
  const doubled = received.length - got.size
  const disordered = received.filter((id, i) => i > 0 && seqOf(id) <= seqOf(received[i - 1] ?? ''))
  const strays = received.flatMap((id) => byId.get(id) ?? []).filter((one) => !concerns(one, userId))
  return [
    ...(missing.length > 0 ? [`${missing.length} of ${expected.length} are missing, the first is ${missing[0]?.id}`] : []),
    ...(doubled > 0 ? [`${doubled} came twice`] : []),
    ...(disordered.length > 0 ? [`${disordered.length} are out of order, the first is ${disordered[0]}`] : []),
    ...(strays.length > 0 ? [`${strays.length} are not for it, the first is ${strays[0]?.id}`] : [])
  ]
}

const concerns = ({ userId, excludeUser }: Posted, of: string | null): boolean =>
  userId === null ? of === null || of !== excludeUser : userId === of
