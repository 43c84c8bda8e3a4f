import { closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { tryLock } from 'fs-native-extensions'
import { open, type RootDatabase, type Transaction } from 'lmdb'
import { BrokerError } from './broker.js'
import { checkFile, checkRoom, messageOf } from './journal-file.js'
import type { Change, Key, Store, StoreSize } from './store.js'

/** Pages that are no longer used are not written again for at least so long: a copy of the file that takes less is of one state of it. */
const KEEP_PAGES_MS = 500

/** A store in a folder: LMDB, flushed to the disk with each write. */
export class FileStore implements Store {
  readonly durable = true
  readonly #db: RootDatabase<unknown, Key>
  readonly #path: string
  /** Which files the journal and its lock are. */
  readonly #files: Array<[path: string, file: string | undefined]>
  readonly #lock: number
  readonly #pinning: NodeJS.Timeout
  #pins: Transaction[] = []

  private constructor (db: RootDatabase<unknown, Key>, path: string, lock: number) {
    this.#db = db
    this.#path = path
    this.#files = [path, join(dirname(path), LOCK)].map((path) => [path, fileAt(path)])
    this.#lock = lock
    this.#pinning = setInterval(() => { this.#pin() }, KEEP_PAGES_MS)
    this.#pinning.unref()
    this.#pin()
  }

  /**
   * Opens the folder, and makes it where there is none. The lock is the system's own: it ends with the process, however that ends.
   * @throws BrokerError when it cannot be used
   */
  static open (folder: string): FileStore {
    const lock = lockFolder(folder)
    try {
      const path = resolve(folder, 'journal.mdb') // The process may go to another folder.
      if (sizeOf(path) === 0) checkRoom(`${path}.tmp`)
      else checkFile(path)
      return new FileStore(openDatabase(path), path, lock)
    } catch (error) {
      closeSync(lock)
      throw error instanceof BrokerError ? error : new BrokerError(`journal.mdb cannot be read: ${messageOf(error)}`)
    }
  }

  get (key: Key): unknown {
    return this.#db.get(key)
  }

  * range (start: Key, end: Key): Generator<[Key, unknown]> {
    for (const { key, value } of this.#db.getRange({ start, end })) yield [key, value]
  }

  keys (start: Key, end: Key, limit = Infinity): Iterable<Key> {
    return this.#db.getKeys({ start, end, limit })
  }

  check (): void {
    for (const [path, file] of this.#files) {
      if (fileAt(path) !== file) throw new Error(`${basename(path)} is not in its folder any more`)
    }
  }

  async write (changes: Change[]): Promise<void> {
    this.check()
    try {
      await this.#db.batch(() => {
        for (const { key, value } of changes) {
          // What these return never rejects here: the batch says it.
          if (value === undefined) this.#db.remove(key)
          else this.#db.put(key, value)
        }
      })
    } catch (error) {
      throw await causeOf(error)
    }
  }

  size (): StoreSize {
    const { entryCount } = this.#db.getStats() as { entryCount: number }
    return { entries: entryCount, bytes: sizeOf(this.#path) }
  }

  async close (): Promise<void> {
    clearInterval(this.#pinning)
    for (const pin of this.#pins) pin.done()
    await this.#db.close()
    closeSync(this.#lock)
  }

  /** Holds the newest state and the one before it. */
  #pin (): void {
    this.#db.resetReadTxn()
    this.#pins.push(this.#db.useReadTransaction())
    this.#db.resetReadTxn()
    if (this.#pins.length > 2) this.#pins.shift()?.done()
  }
}

const LOCK = 'lock'

function lockFolder (folder: string): number {
  try {
    makeFolder(resolve(folder))
    const lock = openSync(join(folder, LOCK), 'a')
    if (tryLock(lock)) return lock
    closeSync(lock)
  } catch (error) {
    throw new BrokerError(`the folder cannot be written: ${messageOf(error)}`)
  }
  throw new BrokerError('another process is using the folder')
}

/** `mkdir` of Node with `recursive` does not end where it is told each time that there is no such folder, as in /proc. */
function makeFolder (folder: string): void {
  if (existsSync(folder)) return
  makeFolder(dirname(folder))
  try {
    mkdirSync(folder)
  } catch (error) {
    if (!existsSync(folder)) throw error // Else another process was faster.
  }
}

function openDatabase (path: string): RootDatabase<unknown, Key> {
  return open<unknown, Key>({
    path,
    noSubdir: true,
    encoding: 'msgpack',
    overlappingSync: false, // A write is on the disk when it is said to be done.
    eventTurnBatching: false // The batches are made here; the library's own end in promises that nobody can catch.
  })
}

/** Which file it is: one that is removed goes on taking what is written, or keeping others out, until nobody has it open. */
function fileAt (path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false, bigint: true })
  return stats && `${stats.dev} ${stats.ino}`
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0

/** What LMDB says of a write that failed. */
async function causeOf (error: unknown): Promise<unknown> {
  if (!(error instanceof Error && 'commitError' in error)) return error
  try {
    await error.commitError
    return error
  } catch (cause) {
    return cause
  }
}
