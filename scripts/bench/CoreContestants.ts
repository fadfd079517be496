/** Who takes part in `core.ts`, and what each does for a hit, a write and a read that evicts. */
import { LRUCache } from "lru-cache"
import * as CacheState from "../../src/core/CacheState.ts"
import type { Entry } from "../../src/core/Entry.ts"
import { NOW } from "./Workload.ts"

export interface Contestant {
  /** Whether the key is there; counts as a use of it. */
  readonly get: (key: string) => boolean
  /** Puts an entry in place of the one that has its key. */
  readonly replace: (entry: Entry) => void
  /** Looks for the key of the entry, in vain, and takes the entry in; somebody leaves if it is full. */
  readonly admit: (entry: Entry) => void
  readonly size: () => number
}

/** All of them, empty, with room for so many entries. */
export const make = (capacity: number): Readonly<Record<string, Contestant>> => ({
  ours: ours(capacity),
  "lru-cache": lruCache(capacity),
  map: map(capacity),
  loop: loop(),
})

/** As `Cache.ts` uses the state: a hit is looked up, found fresh, and its use counted; tokens guard the rest. */
export const ours = (capacity: number): Contestant => {
  let state = CacheState.make({ maxEntries: capacity, maxBytes: Infinity })

  const get = (key: string): boolean => {
    const entry = CacheState.peek(state, key, NOW)
    if (entry === undefined || NOW >= entry.freshUntil) return false
    const touched = CacheState.touch(state, key)
    if (touched !== state) state = touched
    return true
  }
  return {
    get,
    replace: (entry) => {
      const [token, sent] = CacheState.beginWrite(state, entry.key)
      state = CacheState.settleWrite(sent, token, entry, NOW)[1]
    },
    admit: (entry) => {
      if (get(entry.key)) return
      const [begun, asked] = CacheState.beginRead(state, entry.key)
      state = CacheState.settle(asked, begun.token, entry, NOW)[1]
    },
    size: () => CacheState.size(state),
  }
}

/** With `max` and nothing else: no TTL, no sizes. */
const lruCache = (capacity: number): Contestant => {
  const cache = new LRUCache<string, Entry>({ max: capacity })
  return {
    get: (key) => cache.get(key) !== undefined,
    replace: (entry) => cache.set(entry.key, entry),
    admit: (entry) => {
      if (cache.get(entry.key) === undefined) cache.set(entry.key, entry)
    },
    size: () => cache.size,
  }
}

/** First in, first out: the least that a bounded map can do. */
const map = (capacity: number): Contestant => {
  const entries = new Map<string, Entry>()
  const oldest = entries.keys()
  return {
    get: (key) => entries.get(key) !== undefined,
    replace: (entry) => entries.set(entry.key, entry),
    admit: (entry) => {
      if (entries.has(entry.key)) return
      entries.set(entry.key, entry)
      if (entries.size <= capacity) return
      const { value } = oldest.next()
      if (value !== undefined) entries.delete(value)
    },
    size: () => entries.size,
  }
}

/** Does nothing: what the loop, the making of keys and of entries cost everybody. */
const loop = (): Contestant => {
  let seen = 0
  const see = () => {
    seen++
  }
  return { get: (key) => key.length > 0, replace: see, admit: see, size: () => seen }
}
