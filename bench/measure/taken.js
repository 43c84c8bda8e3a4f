import { summariseAll } from './statistics.js'

/** What was measured of each subject; one that fails is not measured any more. */
export class Taken {
  #samples
  #failures = {}
  #onFailure

  constructor (subjects, onFailure) {
    this.#samples = new Map(subjects.map((subject) => [subject, []]))
    this.#onFailure = onFailure
  }

  /** Those that have not failed. */
  subjects () {
    return [...this.#samples.keys()].filter(({ name }) => this.#failures[name] === undefined)
  }

  add (subject, cases) {
    this.#samples.get(subject).push(cases)
  }

  /** Says whether that has succeeded; if not, the subject has failed. */
  async try (subject, work) {
    try {
      await work()
      return true
    } catch (error) {
      this.#failures[subject.name] = { failed: error.message }
      this.#onFailure(subject, error)
      return false
    }
  }

  /** `{ [subject]: { [case]: { [metric]: summary } } }`, or `{ failed }` for one that has failed. */
  results () {
    return { ...Object.fromEntries([...this.#samples].map(([{ name }, samples]) => [name, summariseCases(samples)])), ...this.#failures }
  }
}

function summariseCases (rounds) {
  const [first = {}] = rounds
  return Object.fromEntries(Object.keys(first).map((name) => [name, summariseAll(rounds.map((round) => round[name]))]))
}
