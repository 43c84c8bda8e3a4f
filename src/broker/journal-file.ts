import { closeSync, fstatSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { BrokerError } from './broker.js'

/** A head of an LMDB file, or a page of it, by where things stand in it, in bytes: `MDB_meta`, `MDB_page_header`, `MDB_node` and `MDB_ovpage` in its mdb.c. */
const HEAD = { bytes: 160, mark: 24, pageSize: 48, roots: [88, 136], lastPage: 144, change: 152 }
const PAGE = { flags: 18, lower: 20, header: 24 }
const NODE = { low: 0, flags: 4, keyBytes: 6, key: 8 }
const OVERFLOW = { first: 0, pages: 16 }

const MARK = 0xbeefc0de
const IS_BRANCH = 0x01
const IS_OVERFLOWN = 0x01

/**
 * Looks at a file that LMDB is to open: it does not survive wrong heads, nor to read behind the end.
 * @throws BrokerError when it is damaged
 */
export function checkFile (path: string): void {
  const file = openSync(path, 'r')
  try {
    const read = (at: number, length: number): Buffer => {
      const bytes = Buffer.alloc(length)
      readSync(file, bytes, 0, length, at)
      return bytes
    }
    const pageSize = read(HEAD.pageSize, 4).readUInt32LE()
    const heads = [0, pageSize].map((at) => read(at, HEAD.bytes))
    if (heads.some((head) => head.readUInt32LE(HEAD.mark) !== MARK)) throw new BrokerError('journal.mdb is damaged, or no journal: its head is not that of one')

    const [newest] = heads.sort((a, b) => numberAt(b, HEAD.change) - numberAt(a, HEAD.change))
    const pages = Math.floor(fstatSync(file).size / pageSize)
    if (newest !== undefined && !isWhole(newest, pages, (page) => read(page * pageSize, pageSize))) throw new BrokerError('journal.mdb is damaged: its end is missing')
  } finally {
    closeSync(file)
  }
}

/** Whether all pages that are in use are within the `pages` that there are. Such as are free need not be: LMDB leaves those out that it has not written (see `mm_last_pg`). */
function isWhole (head: Buffer, pages: number, read: (page: number) => Buffer): boolean {
  if (numberAt(head, HEAD.lastPage) < pages) return true

  const waiting = HEAD.roots.map((root) => Number(head.readBigInt64LE(root))).filter((root) => root >= 0) // -1: there is nothing yet.
  let seen = 0
  for (let page = waiting.pop(); page !== undefined; page = waiting.pop()) {
    if (page >= pages || ++seen > pages) return false
    const bytes = read(page)
    const isBranch = (bytes.readUInt16LE(PAGE.flags) & IS_BRANCH) !== 0
    const nodes = bytes.readUInt16LE(PAGE.lower) / 2
    for (let i = 0; i < nodes; i++) {
      const node = bytes.subarray(PAGE.header + bytes.readUInt16LE(PAGE.header + 2 * i))
      const flags = node.readUInt16LE(NODE.flags)
      if (isBranch) waiting.push(node.readUInt32LE(NODE.low) + flags * 2 ** 32)
      else if ((flags & IS_OVERFLOWN) !== 0) {
        const overflow = node.subarray(NODE.key + node.readUInt16LE(NODE.keyBytes))
        if (numberAt(overflow, OVERFLOW.first) + numberAt(overflow, OVERFLOW.pages) > pages) return false
      }
    }
  }
  return true
}

const numberAt = (bytes: Buffer, at: number): number => Number(bytes.readBigUInt64LE(at))

const ROOM = 262_144

/** The library waits for ever where it finds no room for a new file. */
export function checkRoom (path: string): void {
  try {
    writeFileSync(path, Buffer.alloc(ROOM), { flush: true })
  } catch (error) {
    throw new BrokerError(`there is no room for a journal: ${messageOf(error)}`)
  } finally {
    rmSync(path, { force: true })
  }
}

export const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)
