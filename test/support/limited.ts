import type fc from 'fast-check'

/** A time limit, and a report without the inputs of the whole batch: the error has the one that matters. */
export const limited = <T>(ms: number): fc.Parameters<T> => ({
  interruptAfterTimeLimit: ms,
  markInterruptAsFailure: true,
  asyncReporter: async ({ failed, seed, counterexamplePath, numShrinks, errorInstance }) => {
    if (failed) throw new Error(`seed ${seed}, path ${counterexamplePath}, ${numShrinks} shrinks: ${String(errorInstance ?? 'out of time')}`)
  }
})
