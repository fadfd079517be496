/**
 * A tracker in this process that says what it is told to say: for tests, of users too.
 *
 *     const control = yield* TrackerMemory.Control
 *     control.emit({ _tag: "Invalidated", keys: ["key"] })
 *
 * It keeps the order of the port whatever is emitted: a write is not heard while it is not live.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { NotLive, type Signal, type Status, Tracker } from "./Tracker.ts"
import * as TrackerSink from "./TrackerSink.ts"

export class Control extends Context.Service<
  Control,
  {
    /** As if it came from the store, now. `Live`, `Lost` and `Unsupported` change the status too. */
    readonly emit: (signal: Signal) => void
  }
>()("cache-mechanism/store/TrackerMemory/Control") {}

/** Live from the start. */
export const layer: Layer.Layer<Tracker | Control> = Layer.effectContext(Effect.sync(() => make()))

const make = (): Context.Context<Tracker | Control> => {
  let status: Status = "live"
  let refusal = ""
  const sink = TrackerSink.make(() =>
    status === "live"
      ? [{ _tag: "Live" }]
      : status === "unsupported"
        ? [{ _tag: "Unsupported", reason: refusal }]
        : [],
  )

  const lose = (reason: string, next: Status): void => {
    const wasLive = status === "live"
    status = next
    if (wasLive) sink.tell({ _tag: "Lost", reason })
  }

  const emit = (signal: Signal): void => {
    switch (signal._tag) {
      case "Lost":
        return lose(signal.reason, "down")
      case "Unsupported":
        lose(signal.reason, "unsupported")
        refusal = signal.reason
        return sink.tell(signal)
      case "Live":
        status = "live"
        return sink.tell(signal)
      default:
        if (status === "live") sink.tell(signal)
    }
  }

  const tracker = Tracker.of({
    status: () => status,
    follow: sink.follow,
    // Signals are heard when they are emitted: there is nothing to wait for.
    fence: Effect.suspend(() =>
      status === "live" ? Effect.void : Effect.fail(new NotLive({ reason: status })),
    ),
  })
  const control = Control.of({ emit })
  return Context.make(Tracker, tracker).pipe(Context.add(Control, control))
}
