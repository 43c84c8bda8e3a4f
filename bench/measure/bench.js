import { setTimeout as sleep } from 'node:timers/promises'
import { LoadProcess } from './load-process.js'
import { ServerProcess } from './server-process.js'
import { Taken } from './taken.js'

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
    const taken = this.#take(only)
    const rounds = this.#rounds ?? usual
    for (let round = 1; round <= rounds; round++) {
      for (const subject of taken.subjects()) {
        this.#progress.step(`round ${round} of ${rounds}: ${subject.title}`)
        await taken.try(subject, async () => { taken.add(subject, await measure(subject)) })
      }
    }
    return taken.results()
  }

  /**
   * Measures subjects side by side: in each round all of them are there, and `measure` comes to one after the other as often as `turns` says,
   * and back the next time, so that whatever else the machine does, and who was before, is in all of them alike. Only the one that is measured has load; `prepare(run)` comes once to each before that.
   * There is a sample for each turn, and those of all subjects at one place belong together.
   */
  async interleave ({ rounds: usual, turns, only }, { prepare, measure }) {
    const taken = this.#take(only)
    const rounds = this.#rounds ?? usual
    for (let round = 1; round <= rounds; round++) {
      const runs = new Map()
      const attempt = async (subject, work) => {
        if (!await taken.try(subject, work)) await runs.get(subject)?.load?.stop() // It may not rest.
      }
      try {
        for (const subject of taken.subjects()) {
          this.#progress.step(`round ${round} of ${rounds}: ${subject.title} warms up`)
          await attempt(subject, async () => {
            const server = await ServerProcess.start(subject)
            const run = { subject, server, bench: this }
            runs.set(subject, run)
            run.load = await LoadProcess.start(subject, server)
            await prepare(run)
            await run.load.call('rest')
          })
        }
        for (let turn = 1; turn <= turns; turn++) {
          this.#progress.step(`round ${round} of ${rounds}: turn ${turn} of ${turns}`)
          const subjects = taken.subjects()
          for (const subject of turn % 2 === 1 ? subjects : subjects.reverse()) {
            const run = runs.get(subject)
            await attempt(subject, async () => {
              await run.load.call('work')
              taken.add(subject, await measure(run))
              await run.load.call('rest')
            })
          }
        }
      } finally {
        for (const { load, server } of runs.values()) {
          await load?.stop()
          await server.stop()
        }
      }
    }
    return taken.results()
  }

  /** A second load process for the server of a run; to be ended with `stop()`. */
  secondLoad ({ subject, server }) {
    return LoadProcess.start(subject, server)
  }

  /** Lets everything come to rest, the garbage collector included. */
  async settle (ms) {
    await sleep(ms)
  }

  #take (only) {
    const chosen = this.subjects.filter(({ name, onlyWhenNamed }) => only?.includes(name) ?? onlyWhenNamed !== true)
    return new Taken(chosen, ({ title }, { message }) => { this.#progress.note(`${title}: ${message}`) })
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
