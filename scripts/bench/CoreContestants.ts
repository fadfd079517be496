/** Who takes part in `core.ts`, and what each does for a hit, a write and a read that evicts. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { LRUCache } from "lru-cache"
import * as Cache from "../../src/cache/Cache.ts"
import * as L1 from "../../src/cache/L1.ts"
import * as CacheState from "../../src/core/CacheState.ts"
import type { Entry } from "../../src/core/Entry.ts"
import * as StoreMemory from "../../src/store/StoreMemory.ts"
import { type Contestant, direct } from "./Contestant.ts"
import { peers } from "./CorePeers.ts"
import * as Ours from "./Ours.ts"
import { lifetime, NOW } from "./Workload.ts"

/** `CacheState`, all of it: freshness, deadlines, tokens. */
export const ours = (capacity: number): Contestant<Entry> => {
  const self = Ours.make({ maxEntries: capacity, maxBytes: Infinity }, NOW)
  return {
    awaited: false,
    get: self.get,
    replace: (_, entry) => self.write(entry),
    admit: (key, entry) => {
      if (!self.get(key)) self.fill(entry)
    },
    version: self.state,
  }
}

/** What a program calls: the clock is read and a reading made. Writes are those of `ours`. */
const peek = (capacity: number): Contestant<Entry> => {
  const bounds = { maxEntries: capacity, maxBytes: Infinity }
  const live = Cache.layer({ bounds, lifetime }).pipe(Layer.provide(StoreMemory.layer))
  const { cache, l1 } = ManagedRuntime.make(live).runSync(Effect.all({ cache: Cache.Cache, l1: L1.L1 }))
  const get = (key: string) => cache.peek(key) !== undefined
  return {
    awaited: false,
    get,
    replace: (key, entry) => {
      const token = l1.modify((state) => CacheState.beginWrite(state, key))
      l1.modify((state) => CacheState.settleWrite(state, token, entry, l1.now()))
    },
    admit: (key, entry) => {
      if (get(key)) return
      const { token } = l1.modify((state) => CacheState.beginRead(state, key))
      l1.modify((state) => CacheState.settle(state, token, entry, l1.now()))
    },
    version: l1.current,
  }
}

/** With `max` and nothing else: no TTL, no sizes. */
export const lruCache = <A extends {}>(capacity: number): Contestant<A> => {
  const cache = new LRUCache<string, A>({ max: capacity })
  return direct(
    (key) => cache.get(key) !== undefined,
    (key, value: A) => void cache.set(key, value),
  )
}

/** First in, first out: the least that a bounded map can do. */
const map = <A extends {}>(capacity: number): Contestant<A> => {
  const entries = new Map<string, A>()
  const oldest = entries.keys()
  return {
    awaited: false,
    get: (key) => entries.get(key) !== undefined,
    replace: (key, value) => void entries.set(key, value),
    admit: (key, value) => {
      if (entries.has(key)) return
      entries.set(key, value)
      if (entries.size <= capacity) return
      const gone = oldest.next()
      if (gone.done !== true) entries.delete(gone.value)
    },
    version: () => undefined,
  }
}

/** Does nothing: what the loop, the making of keys and of entries cost everybody. */
const loop = <A extends {}>(): Contestant<A> =>
  direct(
    (key) => key.length > 0,
    () => undefined,
  )

const others = { "lru-cache": lruCache, map, loop, ...peers }

const all = { ours, "Cache.peek": peek }

export const NAMES: ReadonlyArray<string> = [...Object.keys(all), ...Object.keys(others)]

/** Of `NAMES`, empty, with room for so many; it holds what ours holds. */
export const make = (name: string, capacity: number): Contestant<Entry> | undefined =>
  Object.entries(all).find(([one]) => one === name)?.[1](capacity) ?? makeOther<Entry>(name, capacity)

/** Of `NAMES` but ours; it holds anything. */
export const makeOther = <A extends {}>(name: string, capacity: number): Contestant<A> | undefined =>
  Object.entries(others).find(([other]) => other === name)?.[1]<A>(capacity)
