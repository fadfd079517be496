/** The place of the one sink of a tracker. */
import * as Effect from "effect/Effect"
import type { Signal, Sink, Tracker } from "./Tracker.ts"

export interface TrackerSink {
  /** Nobody listens: it is forgotten. */
  readonly tell: (signal: Signal) => void
  readonly follow: Tracker["Service"]["follow"]
}

/** `first` is what a sink hears at once: where the tracker stands. */
export const make = (first: () => ReadonlyArray<Signal>): TrackerSink => {
  let sink: Sink | undefined
  const tell = (signal: Signal): void => sink?.(signal)
  return {
    tell,
    follow: (newSink) =>
      Effect.asVoid(
        Effect.acquireRelease(
          Effect.suspend(() => {
            if (sink !== undefined) return Effect.die(new Error("a tracker has one sink"))
            sink = newSink
            for (const signal of first()) tell(signal)
            return Effect.void
          }),
          () => Effect.sync(() => (sink = undefined)),
        ),
      ),
  }
}
