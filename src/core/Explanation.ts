/**
 * What L1 knows of a key, and why a plain read of it asks the store or does not.
 *
 * The state keeps no history of keys: of one that is not held it can tell that it was evicted as long as its
 * ghost is remembered (by its hash, so very rarely another key is meant), and else no more than that it is not.
 */
import * as Fill from "./Fill.ts"
import * as CacheState from "./CacheState.ts"
import type { Entry, Key } from "./Entry.ts"
import * as Eviction from "./Eviction.ts"
import * as Residents from "./Residents.ts"

export type Reason =
  /** Held, trusted and within its time: a read is a hit. */
  | "fresh"
  /** Past its freshness, within its grace. */
  | "stale"
  /** Within its time, but a write may have been missed since it was confirmed. */
  | "suspect"
  /** Past its grace or its expiry in the store; it leaves when it is swept. */
  | "expired"
  /** It left to make room. */
  | "evicted"
  /** Never asked for, written to since, or gone for longer than anything remembers. */
  | "not-held"

export interface Explanation {
  readonly reason: Reason
  /** What is held, even if it is dead. */
  readonly entry: Entry | undefined
  /** Until when it is fresh: see `CacheState.freshUntil`. */
  readonly freshUntil: number
  /** Whether a write since it was confirmed would have been heard of. */
  readonly isTrusted: boolean
  /** A question to the store is on its way. */
  readonly isAsked: boolean
}

export const explain = (state: CacheState.CacheState, key: Key, now: number): Explanation => {
  const hash = CacheState.hashOf(state, key)
  const entry = Eviction.get(state.eviction, key, hash)
  const isAsked = Fill.isUnderWay(state.fills, key, hash)
  if (entry === undefined) {
    const isGhost = Residents.ghostOf(state.eviction.residents, hash) !== undefined
    const reason = isGhost ? "evicted" : "not-held"
    return { reason, entry, freshUntil: -Infinity, isTrusted: false, isAsked }
  }
  const freshUntil = CacheState.freshUntil(state, entry, now)
  const isTrusted = CacheState.isTrusted(state, entry, now)
  return { reason: reasonOf(entry, freshUntil, now), entry, freshUntil, isTrusted, isAsked }
}

const reasonOf = (entry: Entry, freshUntil: number, now: number): Reason => {
  if (now >= entry.deadAt) return "expired"
  if (now < freshUntil) return "fresh"
  return now < entry.freshUntil ? "suspect" : "stale"
}
