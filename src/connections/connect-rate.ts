import { isIPv4, isIPv6 } from 'node:net'

/** The time that a burst is worth: as many sockets as may be opened in it may be opened at once. */
export const BURST_MS = 1000

/** Longer than an address that was let in can matter. */
const FORGET_MS = 2 * BURST_MS

/** Addresses that are remembered of such a time: more than a process lets in. */
const MAX_ADDRESSES = 100_000

/**
 * New sockets by address: `perSecond` for ever, a second's worth at once. It is the generic cell rate algorithm (ITU-T I.371):
 * of an address only the time is kept when the next of its sockets would be due if they came evenly. Who is refused changes nothing,
 * so he is let in as soon as his time has come, however often he asks.
 */
export class ConnectRate {
  readonly #stepMs: number
  #recent = new Map<string, number>()
  #older = new Map<string, number>()
  #forgotAt = -Infinity

  constructor (perSecond: number) {
    this.#stepMs = 1000 / perSecond
  }

  /** Whether one more may be opened from this address; `opens`: it is. */
  take (address: string, opens: boolean, now: number): boolean {
    if (now - this.#forgotAt >= FORGET_MS || this.#recent.size >= MAX_ADDRESSES) {
      this.#older = this.#recent
      this.#recent = new Map()
      this.#forgotAt = now
    }
    const due = Math.max(this.#recent.get(address) ?? this.#older.get(address) ?? now, now)
    if (due - now >= BURST_MS - this.#stepMs / 2) return false
    if (opens) this.#recent.set(address, due + this.#stepMs)
    return true
  }
}

/** What counts as one address: of IPv6 the first 64 bits, which are those of a site; all that is no address, as on a Unix socket, counts as one. */
export function networkOf (ip: string | undefined = ''): string {
  const address = ip.replace(/^([\d.]+):\d+$/, '$1').replace(/^\[(.*)\](:\d+)?$/, '$1') // Some proxies add the port.
  const mapped = address.replace(/^(?:::|(?:0+:){5})ffff:(?=[\d.]+$)/i, '')
  if (isIPv4(mapped)) return mapped
  if (!isIPv6(address)) return 'unknown'

  const [left = [], right = []] = address.split('::').map((part) => part.split(':').filter((group) => group !== '').map((group) => parseInt(group, 16)))
  const zeros = Array<number>(Math.max(0, 8 - left.length - right.length)).fill(0)
  const groups = [...left, ...zeros, ...right]
  if (groups.slice(0, 6).join() === MAPPED) return groups.slice(6).flatMap((group) => [group >> 8, group & 0xff]).join('.')
  return groups.slice(0, 4).map((group) => group.toString(16)).join(':')
}

/** What an IPv4 address begins with where it is written as one of IPv6 (RFC 4291 §2.5.5.2). */
const MAPPED = [0, 0, 0, 0, 0, 0xffff].join()
