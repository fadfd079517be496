/** Old versions of a state: kept from changing, and told apart by their content. */
import * as HashMap from "effect/HashMap"
import type * as CacheState from "../../src/core/CacheState.ts"
import type * as Queue from "../../src/core/Queue.ts"

/** Freezes everything that can be reached: a write to it throws from now on. */
export const freeze = <A>(value: A): A => {
  if (typeof value !== "object" || value === null) return value
  if (Object.isFrozen(value) || ArrayBuffer.isView(value)) return value
  Object.freeze(value)
  for (const part of Object.values(value)) freeze(part)
  return value
}

const sorted = <A>(
  map: Iterable<readonly [string | number, A]>,
): ReadonlyArray<readonly [string | number, A]> => [...map].sort(([a], [b]) => (a < b ? -1 : 1))

const queue = ({ head, keys, tail }: Queue.Queue): unknown => [head, tail, sorted(keys)]

/** The whole content as text: equal for states that differ only in how their maps are laid out. */
export const fingerprint = (state: CacheState.CacheState): string =>
  JSON.stringify([
    state.bounds,
    sorted(state.eviction.residents),
    [state.eviction.small.bytes, queue(state.eviction.small.queue)],
    [state.eviction.main.bytes, queue(state.eviction.main.queue)],
    [sorted(state.eviction.ghosts), queue(state.eviction.ghostOrder)],
    [state.deadlines.from, sorted(HashMap.map(state.deadlines.buckets, (bucket) => [...bucket].sort()))],
    [state.fills.nextId, sorted(state.fills.standing)],
    state.epoch,
    state.counts,
  ])
