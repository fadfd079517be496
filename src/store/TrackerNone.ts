/** For a store that nobody else writes to: always live, and there is nothing to hear. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Tracker } from "./Tracker.ts"

export const layer: Layer.Layer<Tracker> = Layer.succeed(
  Tracker,
  Tracker.of({
    follow: (sink) => Effect.sync(() => sink({ _tag: "Live" })),
    status: () => "none",
    fence: Effect.void,
  }),
)
