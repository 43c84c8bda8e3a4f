import { cpuBetween } from './process-usage.js'

/** CPU of the server, in microseconds, for each frame of broadcasts that reached a client. */
export async function measurePerDelivery ({ server, load }, { perTurn, ms }) {
  const before = server.cpu()
  const { deliveries, bytesPerDelivery } = await load.call('broadcast', { perTurn, ms })
  return { ...cpuBetween(before, server.cpu(), deliveries), bytes: bytesPerDelivery }
}

const FEW = 10

/**
 * Opens sockets until there are `count`, and lets the server's compiler see the work before it is measured.
 * The first few see most of it: with so little to write, many more POSTs go into the same time.
 */
export async function openAndWarmUp ({ load }, { open = 0, count, ms }) {
  const wanted = open === 0 ? [FEW, count] : [count]
  for (const [i, size] of wanted.entries()) {
    await load.call('open', { count: size - (wanted[i - 1] ?? open) })
    await load.call('broadcast', { perTurn: 1, ms })
    await load.call('broadcast', { perTurn: 10, ms: ms * 1.5 }) // They come less often.
  }
}
