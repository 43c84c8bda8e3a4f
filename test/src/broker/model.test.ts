import { join } from 'node:path'
import t from 'tap'
import { openBroker } from '../../../src/broker/open.js'
import { limits, type Open, testAgainstModel } from '../../support/broker-model.js'
import { startRedis } from '../../support/redis.js'
import { hasTool } from '../../support/tools.js'

const openAt = (url: string): Open => async ({ start, ...options }) =>
  await openBroker({ ...limits, ...options, url, newEpoch: `epoch${start}`, onTrouble: (error) => { if (error !== undefined) throw error } })

t.test('memory: does what the model says', async (t) => {
  await testAgainstModel(t, { keeps: false, runs: 1000, open: async () => openAt('memory:') })
})

t.test('file: does what the model says, whatever restarts', async (t) => {
  let folders = 0
  const parent = t.testdir()
  await testAgainstModel(t, { keeps: true, runs: 200, open: async () => openAt(`file:${join(parent, String(folders++))}`) })
})

t.test('redis: does what the model says, whatever restarts', async (t) => {
  if (!hasTool(t, 'redis')) return

  const { url, cli } = await startRedis(t)
  await testAgainstModel(t, {
    keeps: true,
    runs: 100,
    open: async () => {
      cli('FLUSHALL')
      return openAt(url)
    }
  })
})
