import { cpuBetween } from './process-usage.js'

/** CPU of the server, in microseconds, for each frame of broadcasts that reached a client. */
export async function measurePerDelivery ({ server, load }, { perTurn, ms }) {
  const before = server.cpu()
  const { deliveries, bytesPerDelivery } = await load.call('broadcast', { perTurn, ms })
  return { ...cpuBetween(before, server.cpu(), deliveries), bytes: bytesPerDelivery, perSecond: deliveries / ms * 1000 }
}

/** Lets the server's compiler see the work before it is measured; bursts take it longer, for they come less often. */
export async function warmUp ({ load }, ms) {
  await load.call('broadcast', { perTurn: 1, ms })
  await load.call('broadcast', { perTurn: 10, ms: ms * 1.5 })
}
