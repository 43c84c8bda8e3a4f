import fc from 'fast-check'
import t from 'tap'
import { addGone, goneFor, NOTHING_GONE } from '../../../src/broker/gone.js'

t.test('three values say for every user up to where something has gone, in whatever order it goes', async (t) => {
  const users = ['ada', 'ben', null]
  const entries = fc.uniqueArray(fc.record({ seq: fc.integer({ min: 1, max: 50 }), excludeUser: fc.constantFrom(...users) }), { selector: ({ seq }) => seq })

  fc.assert(fc.property(entries, (gone) => {
    const state = gone.reduce((so, { seq, excludeUser }) => addGone(so, seq, excludeUser), NOTHING_GONE)
    return [...users, 'cem'].every((user) => {
      const concerned = gone.filter(({ excludeUser }) => user === null || excludeUser !== user)
      return goneFor(state, user) === Math.max(0, ...concerned.map(({ seq }) => seq))
    })
  }), { numRuns: 2000 })
  t.pass('2000 runs')
})
