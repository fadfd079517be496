/** What may happen to the policy, as data drawn from a seed, applied to the real one or to the pair. */
import * as Eviction from "../../src/core/Eviction.ts"
import { absent } from "./entries.ts"
import type { Pair } from "./Pair.ts"

/** As much as the lightest of real entries. */
export const UNIT = 300

export type Happening =
  | { readonly does: "use" | "remove"; readonly key: string }
  | { readonly does: "put"; readonly key: string; readonly weight: number; readonly deadAt: number }
  | { readonly does: "expire"; readonly now: number; readonly budget: number }

/** Each lasts a tenth of a second; keys of low numbers are drawn more often, most of all those of now. */
export const draw = (random: () => number, length: number, keys: number): ReadonlyArray<Happening> =>
  Array.from({ length }, (_, at): Happening => {
    const now = at * 100
    const drift = Math.floor(at / (length / 4)) * Math.floor(keys / 8)
    const key = `k${(Math.floor(keys * random() ** 3) + drift) % keys}`
    const kind = random()
    if (kind < 0.45) return { does: "use", key }
    if (kind < 0.55) return { does: "remove", key: random() < 0.5 ? key : `k${Math.floor(keys * random())}` }
    if (kind < 0.58) return { does: "expire", now, budget: random() < 0.5 ? 1_000 : Math.floor(random() * 4) }
    const deadAt = random() < 0.2 ? Infinity : now + Math.floor(random() * random() * length * 50)
    return { does: "put", key, weight: UNIT * (1 + Math.floor(random() ** 4 * 12)), deadAt }
  })

export const apply = (
  state: Eviction.Eviction,
  happening: Happening,
  bounds: Eviction.Bounds,
): Eviction.Eviction => {
  switch (happening.does) {
    case "use":
      return Eviction.use(state, happening.key)
    case "remove":
      return Eviction.remove(state, happening.key)
    case "expire":
      return Eviction.expire(state, happening.now, happening.budget)[1]
    case "put":
      return Eviction.insert(state, absent(happening.key, happening), bounds).next
  }
}

export const applyToPair = (pair: Pair, happening: Happening): void => {
  switch (happening.does) {
    case "use":
      pair.use(happening.key)
      return
    case "remove":
      return pair.remove(happening.key)
    case "expire":
      return pair.expire(happening.now, happening.budget)
    case "put":
      return pair.put(happening.key, happening.weight, happening.deadAt)
  }
}
