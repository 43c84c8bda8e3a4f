import { once } from 'node:events'
import { setImmediate as endOfTurn } from 'node:timers/promises'
import { MessageChannel } from 'node:worker_threads'
import t from 'tap'
import { TimeSlices } from '../../../src/connections/time-slices.js'
import { run } from '../../support/process.js'

/** Longer than a slice. */
function work (): void {
  const end = performance.now() + 1
  while (performance.now() < end);
}

t.test('what comes in is served between pieces that take long', async (t) => {
  const slices = new TimeSlices()
  const { port1, port2 } = new MessageChannel()
  const order: string[] = []
  port2.on('message', (text: string) => { order.push(text) })
  t.teardown(() => { port1.close() })

  const done = new Promise<void>((resolve) => {
    for (const name of ['first', 'second', 'third']) {
      slices.add(() => {
        work()
        order.push(name)
        port1.postMessage(`what came in during the ${name}`)
        if (name === 'third') resolve()
      })
    }
  })
  await done
  await once(port2, 'message')

  t.strictSame(order, ['first', 'what came in during the first', 'second', 'what came in during the second', 'third', 'what came in during the third'])
})

t.test('pieces that take no time share a turn, and one that another adds comes behind them', async (t) => {
  const slices = new TimeSlices()
  const order: number[] = []

  slices.add(() => {
    order.push(1)
    slices.add(() => { order.push(3) })
  })
  slices.add(() => { order.push(2) })
  t.strictSame(order, [])
  while (order.length < 3) await endOfTurn()

  t.strictSame(order, [1, 2, 3])
})

t.test('a piece that fails does not hold up the others', async (t) => {
  const program = `
    const { TimeSlices } = await import(${JSON.stringify(new URL('../../../src/connections/time-slices.js', import.meta.url).href)})
    process.once('uncaughtException', ({ message }) => { console.log(message) })
    const slices = new TimeSlices()
    slices.add(() => { throw new Error('failed') })
    slices.add(() => { console.log('went on') })
  `
  const { stdout } = await run(t, process.execPath, ['--import=tsx', '--input-type=module', '--eval', program])
  t.equal(stdout, 'failed\nwent on')
})

t.test('more than there is time for does not pile up', async (t) => {
  const slices = new TimeSlices()
  const done: number[] = []

  for (let i = 0; i < 100; i++) {
    slices.add(() => {
      work()
      done.push(i)
    })
  }
  while (done.length === 0) await endOfTurn()

  t.equal(done.length, 68)
  while (done.length < 100) await endOfTurn()
})
