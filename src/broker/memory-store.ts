import sortedBtree from 'sorted-btree'
import type { Change, Key, Store, StoreSize } from './store.js'

// A CommonJS module, whose default export is one level down here.
const BTree = sortedBtree.default

/** A store that ends with the process. */
export class MemoryStore implements Store {
  readonly durable = false
  readonly #tree = new BTree<Key, unknown>(undefined, compare)

  get (key: Key): unknown {
    return this.#tree.get(key)
  }

  * range (start: Key, end: Key): Generator<[Key, unknown]> {
    for (const entry of this.#tree.entries(start)) {
      if (compare(entry[0], end) >= 0) return
      yield entry
    }
  }

  keys (start: Key, end: Key, limit = Infinity): Key[] {
    const keys: Key[] = []
    this.#tree.forRange(start, end, false, (key) => {
      if (keys.length >= limit) return { break: true }
      keys.push(key)
      return undefined
    })
    return keys
  }

  check (): void {}

  async write (changes: Change[]): Promise<void> {
    for (const { key, value } of changes) {
      if (value === undefined) this.#tree.delete(key)
      else this.#tree.set(key, value)
    }
  }

  size (): StoreSize {
    return { entries: this.#tree.size, bytes: 0 }
  }

  async close (): Promise<void> {
    this.#tree.clear()
  }
}

function compare (a: Key, b: Key): number {
  for (let i = 0; i < a.length; i++) {
    const part = a[i]
    const other = b[i]
    if (part === other) continue
    if (part === undefined || other === undefined) break
    return part < other ? -1 : 1
  }
  return a.length - b.length
}
