/** States of the policy alone, by their history. */
import * as Eviction from "../../src/core/Eviction.ts"
import { absent } from "./entries.ts"

const UNBOUNDED = 1e12

/** Keys in the order in which they would leave. */
export const keysOf = (line: Eviction.Eviction["small"]): ReadonlyArray<string> =>
  [...line.queue.keys].sort(([a], [b]) => a - b).map(([, key]) => key)

export const entriesBound = (maxEntries: number): Eviction.Bounds => ({ maxEntries, maxBytes: UNBOUNDED })

/** A policy in which all keys were put in this order and used so often. */
export const filled = (
  keys: ReadonlyArray<string>,
  uses: number,
  bounds: Eviction.Bounds,
): Eviction.Eviction => {
  let state = Eviction.empty
  for (const key of keys) {
    state = Eviction.insert(state, absent(key), bounds)[1]
    for (let use = 0; use < uses; use++) state = Eviction.use(state, key)
  }
  return state
}

export const numbered = (prefix: string, length: number): ReadonlyArray<string> =>
  Array.from({ length }, (_, index) => `${prefix}${index}`)
