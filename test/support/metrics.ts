import { ALL_SCOPES } from './app.js'
import { sign } from './token.js'

export class Scrape {
  readonly text: string
  readonly #samples: Map<string, number>

  constructor (text: string) {
    this.text = text
    this.#samples = new Map(text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => {
      const end = line.lastIndexOf(' ')
      return [line.slice(0, end), Number(line.slice(end + 1))]
    }))
  }

  /** The value of a sample as it is written, `name{label="value"}`; 0 where there is none. */
  value (sample: string): number {
    return this.#samples.get(sample) ?? 0
  }

  /** The metrics there are, by name. */
  get names (): string[] {
    return [...this.text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name)
  }

  /** The metrics that have another value than in an earlier scrape. */
  movedSince (earlier: Scrape): string[] {
    return this.names.filter((name) => [...this.#samples].some(([sample, value]) =>
      sample.replace(/(_bucket|_sum|_count)?(\{.*)?$/, '') === name.replace(/(_bucket|_sum|_count)$/, '') && value !== earlier.value(sample)))
  }
}

/** What `/metrics` says now; `origin` is that of the service. */
export async function scrape (origin: string): Promise<Scrape> {
  const response = await fetch(`${origin}/metrics`, { headers: { authorization: `Bearer ${sign({ scope: ALL_SCOPES })}` } })
  const text = await response.text()
  if (response.status !== 200) throw new Error(text)
  return new Scrape(text)
}
