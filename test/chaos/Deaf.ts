/**
 * A tracker that keeps its losses to itself, for the negative control: invalidations arrive as in life, but L1
 * trusts what it holds when a connection is lost, a master replaced or a slot moved. All else is as in life.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Signal, Tracker } from "../../src/store/Tracker.ts"

export const over = <E>(tracker: Layer.Layer<Tracker, E>): Layer.Layer<Tracker, E> =>
  Layer.effect(
    Tracker,
    Effect.map(Tracker, (inner) => {
      let wasLive = false
      const isHeard = ({ _tag }: Signal): boolean => {
        if (_tag === "Lost" || _tag === "Flushed") return false
        if (_tag !== "Live") return true
        const first = !wasLive
        wasLive = true
        return first
      }
      return Tracker.of({
        ...inner,
        follow: (sink) =>
          inner.follow((signal) => {
            if (isHeard(signal)) sink(signal)
          }),
      })
    }),
  ).pipe(Layer.provide(tracker))
