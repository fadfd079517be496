/**
 * Who dies next: an index of keys by the second in which they die.
 *
 * Reads never need it, since an entry knows its own deadline; it exists so that memory is given back
 * without looking at every entry. A bucket is due when its second has passed completely, so all in it are
 * dead. Moving an entry's deadline is a removal and an addition; the index never holds a key that left.
 */
import * as HashMap from "effect/HashMap"
import * as HashSet from "effect/HashSet"
import * as Option from "effect/Option"
import type { Key } from "./Entry.ts"

export interface Deadlines {
  readonly buckets: HashMap.HashMap<number, HashSet.HashSet<Key>>
  /** No bucket before this tick is in use. */
  readonly from: number
}

/** Width of a bucket: how late memory is given back at most, beyond the rhythm of the sweep. */
export const TICK_MILLIS = 1_000

/** How many empty ticks one step over the index may pass. */
const MAX_EMPTY_TICKS = 10_000

const tickOf = (deadAt: number): number => Math.floor(deadAt / TICK_MILLIS)

export const empty: Deadlines = { buckets: HashMap.empty(), from: 0 }

export const add = (self: Deadlines, key: Key, deadAt: number): Deadlines => {
  const tick = tickOf(deadAt)
  const bucket = Option.getOrElse(HashMap.get(self.buckets, tick), HashSet.empty<Key>)
  return {
    buckets: HashMap.set(self.buckets, tick, HashSet.add(bucket, key)),
    from: HashMap.isEmpty(self.buckets) ? tick : Math.min(self.from, tick),
  }
}

export const remove = (self: Deadlines, key: Key, deadAt: number): Deadlines => {
  const tick = tickOf(deadAt)
  const found = HashMap.get(self.buckets, tick)
  if (Option.isNone(found)) return self
  const bucket = HashSet.remove(found.value, key)
  return {
    ...self,
    buckets:
      HashSet.size(bucket) === 0
        ? HashMap.remove(self.buckets, tick)
        : HashMap.set(self.buckets, tick, bucket),
  }
}

/**
 * At most `budget` keys that are dead at `now`, oldest second first. The keys stay in the index until they
 * are removed; only the passing of empty seconds is remembered.
 */
export const due = (
  self: Deadlines,
  now: number,
  budget: number,
): readonly [keys: ReadonlyArray<Key>, next: Deadlines] => {
  const end = tickOf(now)
  if (HashMap.isEmpty(self.buckets)) return [[], self]
  const keys: Array<Key> = []
  let from = self.from
  let tick = self.from
  for (; tick < end && keys.length < budget && tick - self.from < MAX_EMPTY_TICKS; tick++) {
    const bucket = HashMap.get(self.buckets, tick)
    if (Option.isNone(bucket)) {
      if (keys.length === 0) from = tick + 1
      continue
    }
    for (const key of bucket.value) {
      if (keys.length === budget) break
      keys.push(key)
    }
  }
  return [keys, from === self.from ? self : { ...self, from }]
}

export const size = (self: Deadlines): number =>
  HashMap.reduce(self.buckets, 0, (sum, bucket) => sum + HashSet.size(bucket))
