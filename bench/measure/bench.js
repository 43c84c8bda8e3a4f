import { setTimeout as sleep } from 'node:timers/promises'
import { LoadProcess } from './load-process.js'
import { ServerProcess } from './server-process.js'
import { summariseAll } from './statistics.js'

/** What a figure measures with. */
export class Bench {
  quick
  /** The subjects that can run here. */
  subjects
  #rounds
  #progress

  /** `rounds` is for all figures, whatever they would take by themselves. */
  constructor ({ quick, rounds, subjects, progress }) {
    this.quick = quick
    this.#rounds = rounds
    this.subjects = subjects
    this.#progress = progress
  }

  /**
   * Measures subjects in turn (A B C A B C), each time in a process of its own.
   * `measure({ subject, server, load, bench })` returns `{ [case]: { [metric]: number } }`;
   * the result is `{ [subject]: { [case]: { [metric]: summary } } }`, or `{ failed }` for a subject that could not be measured.
   * `server` is what each server is started with, see `ServerProcess.start`.
   */
  async alternate ({ rounds, only, server }, measure) {
    return await this.take({ rounds, only }, async (subject) => await this.#run(subject, server, measure))
  }

  /** The same for a `measure(subject)` that starts the processes it needs, and ends them. */
  async take ({ rounds: usual, only }, measure) {
    const rounds = this.#rounds ?? usual
    const chosen = this.subjects.filter(({ name, onlyWhenNamed }) => only?.includes(name) ?? onlyWhenNamed !== true)
    const taken = new Map(chosen.map(({ name }) => [name, []]))
    const failures = {}
    for (let round = 1; round <= rounds; round++) {
      for (const subject of chosen) {
        if (failures[subject.name] !== undefined) continue
        this.#progress.step(`round ${round} of ${rounds}: ${subject.title}`)
        try {
          taken.get(subject.name).push(await measure(subject))
        } catch (error) {
          failures[subject.name] = { failed: error.message }
          this.#progress.note(`${subject.title}: ${error.message}`)
        }
      }
    }
    return { ...Object.fromEntries([...taken].map(([name, samples]) => [name, summariseCases(samples)])), ...failures }
  }

  /** A second load process for the server of a run; to be ended with `stop()`. */
  secondLoad ({ subject, server }) {
    return LoadProcess.start(subject, server)
  }

  /** Lets everything come to rest, the garbage collector included. */
  async settle (ms) {
    await sleep(ms)
  }

  async #run (subject, options, measure) {
    const server = await ServerProcess.start(subject, options)
    let load
    try {
      load = await LoadProcess.start(subject, server)
      return await measure({ subject, server, load, bench: this })
    } finally {
      await load?.stop()
      await server.stop()
    }
  }
}

function summariseCases (rounds) {
  const [first = {}] = rounds
  return Object.fromEntries(Object.keys(first).map((name) => [name, summariseAll(rounds.map((round) => round[name]))]))
}
