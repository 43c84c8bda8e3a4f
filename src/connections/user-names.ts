import { namesAreOld } from '../broker/cluster.js'
import { MAX_LISTED_USERS } from '../protocol/fields.js'
import type { UserIndex } from './user-index.js'

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
    if (version !== this.#version && namesAreOld(userCount, this.#encodedAt, now)) {
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
