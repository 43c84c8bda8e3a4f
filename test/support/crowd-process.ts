// The process of a `Crowd`.
import type { CrowdCommands } from './crowd.js'
import { arrivals } from './nothing-lost.js'
import { resumingClients } from './resuming-client.js'

/** Clients of this process that connect together. */
const AT_ONCE = 50

const clients = resumingClients(JSON.parse(process.argv[2] ?? ''))

const commands: { [Name in keyof CrowdCommands]: (args: CrowdCommands[Name]['args']) => Promise<CrowdCommands[Name]['answer']> } = {
  async connect () {
    for (let i = 0; i < clients.length; i += AT_ONCE) {
      await Promise.all(clients.slice(i, i + AT_ONCE).map(async (client) => { await client.start() }))
    }
    return null
  },
  arrivals: async ([answered, waitMs]) => await arrivals(clients, answered, waitMs)
}

process.on('message', async ({ name, args }: { name: keyof CrowdCommands, args: never }) => { process.send?.(await commands[name](args)) })
process.on('disconnect', () => { process.exit() })
