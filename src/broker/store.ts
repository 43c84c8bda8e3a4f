/** Keys are ordered part by part; the first part says what kind of entry it is. */
export type Key = Array<string | number>

/** An entry that is put, or removed where there is no value. */
export interface Change {
  key: Key
  value?: unknown
}

export interface StoreSize {
  entries: number
  /** On the disk. */
  bytes: number
}

/** An ordered map that is changed all at once or not at all. */
export interface Store {
  /** What is in it survives the end of the process. */
  readonly durable: boolean
  get: (key: Key) => unknown
  /** Entries from `start` up to, and without, `end`, in order. */
  range: (start: Key, end: Key) => Iterable<[key: Key, value: unknown]>
  /** The keys alone, which is cheaper. */
  keys: (start: Key, end: Key, limit?: number) => Iterable<Key>
  /** @throws when what would be written now is not kept */
  check: () => void
  /** Resolves when the changes are kept, and seen by what is read from then on; rejects when none of them is. One at a time. */
  write: (changes: Change[]) => Promise<void>
  size: () => StoreSize
  close: () => Promise<void>
}
