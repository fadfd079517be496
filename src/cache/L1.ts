/**
 * The one `Ref` that holds the state, for those who change it: the cache and the background fibers.
 *
 * Transitions are pure and synchronous, so `modify` applies one in place, without a fiber: a socket handler
 * can apply an invalidation in the tick in which it arrives, and a hit costs no Effect run.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as MutableRef from "effect/MutableRef"
import * as Random from "effect/Random"
import * as Ref from "effect/Ref"
import * as CacheState from "../core/CacheState.ts"
import type { Bounds } from "../core/Eviction.ts"

const NANOS_PER_MILLI = 1e6
const MAX_SEED = 0x7fffffff

export class L1 extends Context.Service<
  L1,
  {
    readonly state: Ref.Ref<CacheState.CacheState>
    /** Applies a transition and returns its outcome. */
    readonly modify: <A>(
      transition: (state: CacheState.CacheState) => readonly [A, CacheState.CacheState],
    ) => A
    /** Milliseconds since the start, by the monotonic time of the Clock: the time of all deadlines. */
    readonly now: () => number
    readonly current: () => CacheState.CacheState
    /** Puts the next state in the place of the current one: for those who looked in this very turn. */
    readonly replace: (next: CacheState.CacheState) => void
  }
>()("cache-mechanism/cache/L1") {}

const make = (bounds: Bounds) =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    // Counted from here, times are small whole numbers for weeks, which cost an entry no memory of their own.
    const start = clock.monotonicTimeNanosUnsafe()
    const seed = yield* Random.nextIntBetween(0, MAX_SEED)
    const state = Ref.makeUnsafe(CacheState.make(bounds, seed))
    return L1.of({
      state,
      modify: (transition) => {
        const [outcome, next] = transition(Ref.getUnsafe(state))
        MutableRef.set(state.ref, next)
        return outcome
      },
      now: () => Number(clock.monotonicTimeNanosUnsafe() - start) / NANOS_PER_MILLI,
      current: () => Ref.getUnsafe(state),
      replace: (next) => {
        MutableRef.set(state.ref, next)
      },
    })
  })

/** An empty L1 with these bounds. */
export const layer = (bounds: Bounds): Layer.Layer<L1> => Layer.effect(L1, make(bounds))
