/**
 * What of an audience has left the journal: the highest `seq`, whom that one had left out,
 * and the highest that had not left him out. That is enough to say for every user up to where something is missing.
 */
export type Gone = [seq: number, excluded: string | null, others: number]

export const NOTHING_GONE: Gone = [0, null, 0]

/** One more that has left. */
export function addGone ([seq, excluded, others]: Gone, goneSeq: number, excludeUser: string | null): Gone {
  if (goneSeq <= seq) return [seq, excluded, excludeUser === excluded ? others : Math.max(others, goneSeq)]
  return [goneSeq, excludeUser, excludeUser === excluded ? others : seq]
}

/** The highest `seq` that has left and did concern this user. */
export function goneFor ([seq, excluded, others]: Gone, userId: string | null): number {
  return excluded !== null && excluded === userId ? others : seq
}
