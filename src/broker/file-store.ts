import { closeSync, existsSync, mkdirSync, openSync, readSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { tryLock } from 'fs-native-extensions'
import { open, type RootDatabase, type Transaction } from 'lmdb'
import { BrokerError } from './broker.js'
import type { Change, Key, Store, StoreSize } from './store.js'

/** Pages that are no longer used are not written again for at least so long: a copy of the file that takes less is of one state of it. */
const KEEP_PAGES_MS = 500

/** A store in a folder: LMDB, flushed to the disk with each write. */
export class FileStore implements Store {
  readonly durable = true
  readonly #db: RootDatabase<unknown, Key>
  readonly #path: string
  readonly #file: string | undefined
  readonly #lock: number
  readonly #pinning: NodeJS.Timeout
  #pins: Transaction[] = []

  private constructor (db: RootDatabase<unknown, Key>, path: string, lock: number) {
    this.#db = db
    this.#path = path
    this.#file = fileAt(path)
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
      else checkHeads(path)
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
    if (fileAt(this.#path) !== this.#file) throw new Error('journal.mdb is not in its folder any more')
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

function lockFolder (folder: string): number {
  try {
    makeFolder(resolve(folder))
    const lock = openSync(join(folder, 'lock'), 'a')
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
  const db = open<unknown, Key>({
    path,
    noSubdir: true,
    encoding: 'msgpack',
    overlappingSync: false, // A write is on the disk when it is said to be done.
    eventTurnBatching: false // The batches are made here; the library's own end in promises that nobody can catch.
  })
  const { pageSize, lastPageNumber } = db.getStats() as { pageSize: number, lastPageNumber: number }
  const size = (lastPageNumber + 1) * pageSize
  const missing = size - sizeOf(path)
  if (missing > MOST_PAGES_LEFT_OUT * pageSize) throw endIsMissing()
  if (missing > 0) completeEnd(db, path, size)
  return db
}

const endIsMissing = () => new BrokerError('journal.mdb is damaged: its end is missing')

/** What is written to see whether something can be: pages that are free are looked through for so many together. */
const PROBE_BYTES = 262_144
const BRACE = 0x7d

/** A journal that lacks more is not looked at: LMDB was seen to leave out two. */
const MOST_PAGES_LEFT_OUT = 16

/**
 * A page that is taken at the end of the file and given back in the same change is not written: such a file is shorter than it says, and lacks nothing.
 * Reading behind the end of a file that is mapped would end the process, so zeros are put there, and it shows whether anything belongs there.
 * @throws BrokerError when something does
 */
function completeEnd (db: RootDatabase<unknown, Key>, path: string, size: number): void {
  const had = sizeOf(path)
  truncateSync(path, size)
  try {
    for (const { key: [kind], value } of db.getRange()) {
      if (kind === 'x' && value instanceof Uint8Array && value.at(-1) !== BRACE) throw new Error('a frame has no end')
    }
    db.putSync(['probe'], Buffer.alloc(PROBE_BYTES))
    db.removeSync(['probe'])
  } catch {
    truncateSync(path, had)
    throw endIsMissing()
  }
}

/** Where a head of an LMDB file has its mark, and the size of a page (`MDB_meta`). */
const MARK = { at: 24, value: 0xbeefc0de }
const PAGE_SIZE_AT = 48

/** Looks at the two heads of an LMDB file: the library does not survive wrong ones. */
function checkHeads (path: string): void {
  const file = openSync(path, 'r')
  const read = (at: number) => {
    const bytes = Buffer.alloc(4)
    readSync(file, bytes, 0, 4, at)
    return bytes.readUInt32LE()
  }
  const heads = [0, read(PAGE_SIZE_AT)].map((page) => read(page + MARK.at))
  closeSync(file)
  if (heads.some((mark) => mark !== MARK.value)) throw new BrokerError('journal.mdb is damaged, or no journal: its head is not that of one')
}

const ROOM = 262_144

/** The library waits for ever where it finds no room for a new file. */
function checkRoom (path: string): void {
  try {
    writeFileSync(path, Buffer.alloc(ROOM), { flush: true })
  } catch (error) {
    throw new BrokerError(`there is no room for a journal: ${messageOf(error)}`)
  } finally {
    rmSync(path, { force: true })
  }
}

/** Which file it is: one that is removed goes on taking what is written, until nobody has it open. */
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

const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)
