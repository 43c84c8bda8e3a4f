import t from 'tap'
import { killAgainAndAgain } from '../support/kill.js'
import { prepareBuild } from '../support/process.js'

t.before(prepareBuild)

t.test('what was answered 200 is with everybody, once, in order, however often the server is killed (npm run test:kill: 30 times)', async (t) => {
  const { problems, answered, resumes, replayed } = await killAgainAndAgain({ kills: 3, folder: t.testdir() })

  t.strictSame(problems, [])
  t.ok(answered > 100 && resumes > 100 && replayed > 0, `${answered} answered, ${resumes} resumes, ${replayed} replayed`)
})
