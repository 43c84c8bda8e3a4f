import t from 'tap'
import type { Deliver, Draft } from '../../../src/broker/broker.js'
import { openBroker } from '../../../src/broker/open.js'
import { Notifications } from '../../../src/notifications/notifications.js'
import { limits } from '../../support/broker-model.js'
import { parseFrames } from '../../support/frames.js'

const now = Date.UTC(2026, 0, 15, 10, 30)

const createBroker = async (deliver: Deliver) => await openBroker({ ...limits, url: 'memory:', newEpoch: 'e', now: () => now, deliver, onTrouble: () => {} })

t.test('a notification is encoded once, with its id and its time, and handed to the sockets', async (t) => {
  const delivered: unknown[] = []
  const broker = await createBroker(async ({ frame, ...notification }) => {
    delivered.push({ ...notification, frame: parseFrames(frame).frames[0]?.payload.toString() })
    return { connections: 2, users: 1 }
  })
  const notifications = new Notifications(broker, () => now)

  const outcome = await notifications.sendToUser('ada', { notificationType: 'info', data: { title: 'Hello' } })
  await notifications.broadcast({ notificationType: 'system', data: {}, excludeUser: 'admin' })

  t.strictSame(outcome, { id: 'e-1', user_id: 'ada', online: true, connections: 2, stored: false, repeated: false })
  t.strictSame(delivered, [{
    seq: 1,
    id: 'e-1',
    userId: 'ada',
    excludeUser: null,
    frame: '{"type":"notification","id":"e-1","notification_type":"info","data":{"title":"Hello"},"timestamp":"2026-01-15T10:30:00.000Z"}'
  }, {
    seq: 2,
    id: 'e-2',
    userId: null,
    excludeUser: 'admin',
    frame: '{"type":"notification","id":"e-2","notification_type":"system","data":{},"timestamp":"2026-01-15T10:30:00.000Z"}'
  }])
})

t.test('what cannot be sent is refused by name, and takes no id', async (t) => {
  const drafts: Draft[] = []
  const broker = await createBroker(async () => ({ connections: 0, users: 0 }))
  broker.publish = async (draft: Draft) => { drafts.push(draft); throw new Error('published') }
  const notifications = new Notifications(broker, () => now)
  const cyclic: Record<string, unknown> = {}
  cyclic['self'] = cyclic

  for (const [userId, input, field] of [
    ['', { notificationType: 'info', data: {} }, 'userId'],
    ['x'.repeat(129), { notificationType: 'info', data: {} }, 'userId'],
    ['ada', { notificationType: '', data: {} }, 'notificationType'],
    ['ada', { notificationType: 'info', data: [] }, 'data'],
    ['ada', Object.assign({ notificationType: 'info', data: {} }, { surplus: 1 }), 'surplus'],
    ['ada', { notificationType: 'info', data: cyclic }, 'data'],
    ['ada', { notificationType: 'info', data: { big: 1n } }, 'data'],
    ['ada', { notificationType: 'info', data: { most: Infinity } }, 'data'],
    ['ada', { notificationType: 'info', data: JSON.parse('{"list":[{"__proto__":{}}]}') }, 'data'],
    ['ada', { notificationType: 'info', data: { constructor: { prototype: 1 } } }, 'data']
  ] as const) await t.rejects(notifications.sendToUser(userId, input), { code: 'invalid_request', field })

  await t.rejects(notifications.broadcast({ notificationType: 'info', data: {}, excludeUser: '' }), { code: 'invalid_request', field: 'excludeUser' })
  for (const [options, field] of [
    [{ idempotencyKey: null }, 'idempotencyKey'],
    [{ idempotencyKey: '' }, 'idempotencyKey'],
    [{ idempotencyKey: 'a b' }, 'idempotencyKey'],
    [{ idempotencyKey: 'x'.repeat(256) }, 'idempotencyKey'],
    [{ idempotency_key: 'a' }, 'idempotency_key'],
    ['a', undefined]
  ] as Array<[never, string | undefined]>) await t.rejects(notifications.sendToUser('ada', { notificationType: 'info', data: {} }, options), { code: 'invalid_request', field })
  t.strictSame(drafts, [])
})
