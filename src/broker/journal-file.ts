import { closeSync, openSync, readSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import type { RootDatabase } from 'lmdb'
import { BrokerError } from './broker.js'
import type { Key } from './store.js'

/** Where a head of an LMDB file has its mark, and the size of a page (`MDB_meta`). */
const MARK = { at: 24, value: 0xbeefc0de }
const PAGE_SIZE_AT = 48

/** Looks at the two heads of an LMDB file: the library does not survive wrong ones. */
export function checkHeads (path: string): void {
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

/** What is written to see whether something can be: a new file, or in one whose free pages are looked through for so many together. */
const PROBE_BYTES = 262_144

/** The library waits for ever where it finds no room for a new file. */
export function checkRoom (path: string): void {
  try {
    writeFileSync(path, Buffer.alloc(PROBE_BYTES), { flush: true })
  } catch (error) {
    throw new BrokerError(`there is no room for a journal: ${messageOf(error)}`)
  } finally {
    rmSync(path, { force: true })
  }
}

const BRACE = 0x7d

/** A journal that lacks more is not looked at: LMDB was seen to leave out two. */
const MOST_PAGES_LEFT_OUT = 16

/**
 * Looks whether a file that is open ends where it says.
 * @throws BrokerError when something is missing
 */
export function checkEnd (db: RootDatabase<unknown, Key>, path: string): void {
  const { pageSize, lastPageNumber } = db.getStats() as { pageSize: number, lastPageNumber: number }
  const size = (lastPageNumber + 1) * pageSize
  const missing = size - sizeOf(path)
  if (missing > MOST_PAGES_LEFT_OUT * pageSize) throw endIsMissing()
  if (missing > 0) completeEnd(db, path, size)
}

/**
 * A page that is taken at the end of the file and given back in the same change is not written: such a file is shorter than it says, and lacks nothing.
 * Reading behind the end of a file that is mapped would end the process, so zeros are put there, and it shows whether anything belongs there.
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
  } catch (error) {
    truncateSync(path, had)
    throw endIsMissing(`: ${messageOf(error)}`)
  }
}

const endIsMissing = (found = '') => new BrokerError(`journal.mdb is damaged: its end is missing${found}`)

export const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0

export const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)
