/** The state as `Cache.ts` uses it, for the benchmarks: found, fresh, trusted, use counted; tokens guard the rest. */
import * as CacheState from "../../src/core/CacheState.ts"
import type { Entry } from "../../src/core/Entry.ts"
import type { Bounds } from "../../src/core/Eviction.ts"

export interface Ours {
  /** Whether the key is there, and may be served without asking; counts as a use of it. */
  readonly get: (key: string) => boolean
  /** A read that missed, and its answer. */
  readonly fill: (entry: Entry) => void
  /** A write, and its acknowledgement. */
  readonly write: (entry: Entry) => void
  readonly state: () => CacheState.CacheState
}

/** Empty, at a time that stands still. */
export const make = (bounds: Bounds, now: number): Ours => {
  let state = CacheState.make(bounds)
  return {
    get: (key) => {
      const hash = CacheState.hashOf(state, key)
      if (CacheState.serveHot(state, key, now, hash) !== undefined) return true
      if (CacheState.serve(state, key, now, hash) === undefined) return false
      state = CacheState.touch(state, key, hash)
      return true
    },
    fill: (entry) => {
      const [begun, asked] = CacheState.beginRead(state, entry.key)
      state = CacheState.settle(asked, begun.token, entry, now)[1]
    },
    write: (entry) => {
      const [token, sent] = CacheState.beginWrite(state, entry.key)
      state = CacheState.settleWrite(sent, token, entry, now)[1]
    },
    state: () => state,
  }
}
