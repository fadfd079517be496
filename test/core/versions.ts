/** Old versions of a state: kept from changing, and told apart by their content. */
import * as BucketTree from "../../src/core/BucketTree.ts"
import * as Fill from "../../src/core/Fill.ts"
import type * as CacheState from "../../src/core/CacheState.ts"
import type * as Eviction from "../../src/core/Eviction.ts"
import * as Queue from "../../src/core/Queue.ts"
import type * as Residents from "../../src/core/Residents.ts"

/** Freezes everything that can be reached: a write to it throws from now on. */
export const freeze = <A>(value: A): A => {
  if (typeof value !== "object" || value === null) return value
  if (Object.isFrozen(value) || ArrayBuffer.isView(value)) return value
  Object.freeze(value)
  for (const part of Object.values(value)) freeze(part)
  return value
}

const line = ({ bytes, count, queue }: Residents.Line): unknown => [[...Queue.values(queue)], count, bytes]

const policy = ({ residents, target, unused }: Eviction.Eviction): unknown => [
  residents.frame.seed,
  [...BucketTree.walk(residents.root, residents.frame.shape)],
  line(residents.small),
  line(residents.main),
  target,
  unused,
]

export const contentOfPolicy = (eviction: Eviction.Eviction): string => JSON.stringify(policy(eviction))

/** The whole content as text, whatever the layout of the maps. */
export const contentOf = (state: CacheState.CacheState): string =>
  JSON.stringify([
    state.bounds,
    policy(state.eviction),
    [state.fills.nextId, [...Fill.tokens(state.fills)].toSorted((a, b) => a.id - b.id)],
    [state.trustedSince, state.trustedForMillis, state.assuredUntil].map(String),
    state.epoch,
    state.counts,
  ])
