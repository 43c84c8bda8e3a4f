import type { Census, Cluster } from '../broker/cluster.js'
import { MAX_LISTED_USERS } from '../protocol/fields.js'
import { insertNames, type ServerFrame } from '../protocol/server-frames.js'
import { textFrameOf } from '../protocol/text-frame.js'
import type { Connection } from './connection.js'
import type { UserIndex } from './user-index.js'
import { UserNames } from './user-names.js'

/** What is told of who is here: of all nodes, where there are others. */
export class Statistics {
  readonly #users: UserIndex
  readonly #names: UserNames
  cluster: Cluster | undefined

  constructor (users: UserIndex) {
    this.#users = users
    this.#names = new UserNames(users)
  }

  /** See `ConnectionManager.stats`. */
  async json (now: number): Promise<Buffer> {
    const { totalConnections, usersCount, names } = await this.cluster?.census(null, now) ?? this.#census(null, now)
    return Buffer.concat(insertNames({
      total_connections: totalConnections,
      connected_users: [],
      users_count: usersCount,
      ...(usersCount > MAX_LISTED_USERS && { truncated: true })
    }, names))
  }

  /** See `ConnectionManager.sendStats`. */
  sendTo (connection: Connection, now: number): Promise<void> | undefined {
    if (this.cluster !== undefined) return this.cluster.census(connection.userId, now).then((census) => { send(connection, census, now) })
    send(connection, this.#census(connection.userId, now), now)
  }

  /** Of this node alone. */
  #census (userId: string | null, now: number): Census {
    return {
      totalConnections: this.#users.size,
      usersCount: this.#users.userCount,
      userConnections: userId === null ? 0 : this.#users.countOf(userId),
      names: this.#names.json(now)
    }
  }
}

function send (connection: Connection, { totalConnections, usersCount, userConnections, names }: Census, now: number): void {
  const { userId, seesNames } = connection
  const frame: ServerFrame = {
    type: 'stats',
    data: {
      total_connections: totalConnections,
      user_connections: userId === null ? 1 : userConnections,
      connected_users: [],
      ...(seesNames && usersCount > MAX_LISTED_USERS && { truncated: true })
    },
    timestamp: new Date(now).toISOString()
  }
  if (seesNames) connection.send(textFrameOf(insertNames(frame, names)))
  else connection.send(frame)
}
