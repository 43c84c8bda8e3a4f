/** Median and spread of the rounds. */
function summarise (samples) {
  const sorted = samples.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const median = sorted.length % 2 === 1 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2
  return { median, min: sorted[0], max: sorted.at(-1), samples }
}

/** How many times `others` one is, sample by sample. */
export const timesAs = ({ samples }, others) => summarise(samples.map((sample, i) => sample / others.samples[i]))

/** One object per round with the same keys becomes one object with a summary for each key. */
export function summariseAll (rounds) {
  const [first = {}] = rounds
  return Object.fromEntries(Object.keys(first).map((key) => [key, summarise(rounds.map((round) => round[key]))]))
}
