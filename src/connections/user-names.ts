import { MAX_LISTED_USERS } from '../protocol/fields.js'
import type { UserIndex } from './user-index.js'

/** A list up to this long is cheap enough to be always new. */
const ALWAYS_NEW = 500

/** An older list is encoded again when somebody asks. */
const MAX_AGE_MS = 1000

/** The names of the connected users as JSON: a long list is encoded at most once a second, whoever asks. */
export class UserNames {
  readonly #users: UserIndex
  #json = Buffer.from('[]')
  #version = 0
  #encodedAt = 0

  constructor (users: UserIndex) {
    this.#users = users
  }

  /** The bytes of a JSON array, shared by all who ask. */
  json (now: number): Buffer {
    const { version, userCount } = this.#users
    if (version !== this.#version && (userCount <= ALWAYS_NEW || Math.abs(now - this.#encodedAt) >= MAX_AGE_MS)) {
      this.#json = Buffer.from(JSON.stringify(this.#list()))
      this.#version = version
      this.#encodedAt = now
    }
    return this.#json
  }

  #list (): string[] {
    const names = this.#users.names()
    const listed: string[] = []
    for (let name = names.next(); !name.done && listed.length < MAX_LISTED_USERS; name = names.next()) listed.push(name.value)
    return listed
  }
}
