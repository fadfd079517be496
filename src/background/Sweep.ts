/**
 * Gives back the memory of entries that nobody will ask for again.
 *
 * Reads need no sweep: an entry knows its deadline. Once a second the dead are taken out, in slices small enough
 * not to hold the event loop, until none is due.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { L1 } from "../cache/L1.ts"
import * as CacheState from "../core/CacheState.ts"

const EVERY = "1 second"
/** Entries taken out in one turn of the event loop: up to 1 ms. */
const SLICE = 100

export const layer: Layer.Layer<never, never, L1> = Layer.effectDiscard(
  Effect.gen(function* () {
    const l1 = yield* L1
    const sweepSlice = Effect.sync(() =>
      l1.modify((state) => {
        const [, next] = CacheState.expire(state, l1.now(), SLICE)
        return [next !== state, next]
      }),
    )
    const sweep = sweepSlice.pipe(
      Effect.tap(() => Effect.yieldNow),
      Effect.repeat({ while: (moreMayBeDue) => moreMayBeDue }),
    )
    yield* Effect.forkScoped(Effect.repeat(sweep, Schedule.spaced(EVERY)))
  }),
)
