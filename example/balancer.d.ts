import type { Server } from 'node:net'

export function startBalancer (port: number, ports: () => number[]): Promise<Server>
