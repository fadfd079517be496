/** States of the policy alone, by their history. */
import * as Eviction from "../../src/core/Eviction.ts"
import { absent } from "./entries.ts"
import { must } from "./must.ts"
import { type Place, places } from "./places.ts"

const UNBOUNDED = 1e12

export const entriesBound = (maxEntries: number): Eviction.Bounds => ({ maxEntries, maxBytes: UNBOUNDED })

/** All keys put in this order, and used so often each. */
export const withAll = (
  state: Eviction.Eviction,
  keys: ReadonlyArray<string>,
  uses: number,
  bounds: Eviction.Bounds,
): Eviction.Eviction =>
  keys.reduce((before, key) => {
    let next = Eviction.insert(before, absent(key), bounds).next
    for (let use = 0; use < uses; use++) next = Eviction.use(next, key)
    return next
  }, state)

export const filled = (
  keys: ReadonlyArray<string>,
  uses: number,
  bounds: Eviction.Bounds,
  seed = 0,
): Eviction.Eviction => withAll(Eviction.make(bounds, seed), keys, uses, bounds)

export const numbered = (prefix: string, length: number): ReadonlyArray<string> =>
  Array.from({ length }, (_, index) => `${prefix}${index}`)

/** Where a resident stands, and how often it was used. */
export const placeOf = (state: Eviction.Eviction, key: string): Place => {
  const found = places(state.residents).find(({ entry }) => entry?.key === key)
  must(found !== undefined, `${key} is resident`)
  return found
}

export const evictedKeys = ({ evicted }: Eviction.Inserted): ReadonlyArray<string> =>
  evicted.map(({ key }) => key)
