import { Socket } from 'node:net'

/** What stands under a TCP socket in Node: private, so it is checked before it is used. */
export interface TcpHandle {
  writeBuffer: (request: WriteRequest, bytes: Buffer) => number
  /** Bytes that the kernel has not taken yet. */
  readonly writeQueueSize: number
}

interface WriteRequest {
  /** `FREE`, or the id of a write that is under way: Node ends the process where another one is begun with it. */
  getAsyncId: () => number
  buffer?: Buffer
  oncomplete?: (status: number) => void
}

const FREE = -1

/** Node's class of write requests, seen the first time that a socket writes. */
let Request: (new () => WriteRequest) | undefined
/** A request is used up only by a write that the kernel does not take at the first attempt: there is a second one, so nothing need wait by then. */
let spare: WriteRequest | undefined

/** The handle of an open, unencrypted socket, if it is what is expected of it. */
export function handleOf (socket: Socket): TcpHandle | undefined {
  if (socket.constructor !== Socket || !('_handle' in socket)) return undefined
  const handle = socket._handle as Partial<TcpHandle> | null
  return typeof handle?.writeBuffer === 'function' && typeof handle.writeQueueSize === 'number' ? handle as TcpHandle : undefined
}

/** Whether `writeToHandle` may be used: not before a stream has written, with a request that was looked at. */
export const canWriteToHandles = (): boolean => Request !== undefined

/** Looks at the request of the write that follows. */
export function learnRequest (handle: TcpHandle): void {
  const { writeBuffer } = handle
  const learn: TcpHandle['writeBuffer'] = (request, bytes) => {
    if (typeof request.getAsyncId === 'function') Request = request.constructor as new () => WriteRequest
    handle.writeBuffer = writeBuffer
    return writeBuffer.call(handle, request, bytes)
  }
  handle.writeBuffer = learn
}

/** Writes to a handle for which nothing waits. Says whether the kernel took all at once; if not, `whenWritten` is to be called before the next write to any. */
export function writeToHandle (handle: TcpHandle, bytes: Buffer): boolean {
  spare ??= new (Request as new () => WriteRequest)()
  return handle.writeBuffer(spare, bytes) === 0 && spare.getAsyncId() === FREE
}

/** Calls `done` when the rest of that write is with the kernel, or has failed, which is a status that is not 0; false: it has failed already. */
export function whenWritten (bytes: Buffer, done: (status: number) => void): boolean {
  if (spare === undefined || spare.getAsyncId() === FREE) return false

  spare.buffer = bytes // The kernel has not taken all of it: it must not be collected.
  spare.oncomplete = done
  spare = undefined
  return true
}
