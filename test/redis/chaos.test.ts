import t from 'tap'
import { chaos } from '../support/chaos.js'
import { prepareBuild } from '../support/process.js'
import { hasTool } from '../support/tools.js'

t.before(prepareBuild)

t.test('what was answered 200 is with everybody, once, in order, whatever fails (npm run test:chaos: 40 faults)', async (t) => {
  if (!hasTool(t, 'redis')) return

  const { problems, ...counts } = await chaos({ faults: 5, folder: t.testdir() })

  t.strictSame(problems, [])
  t.ok(counts.answered > 100 && counts.resumes > 20, JSON.stringify(counts))
})
