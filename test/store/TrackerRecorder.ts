/** A sink that remembers, and waits for signals instead of for time. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { NotLive, Signal, Tracker } from "../../src/store/Tracker.ts"

export interface Recorder {
  /** Everything but round trips and signs of life, in order. */
  readonly signals: () => ReadonlyArray<Signal>
  readonly tags: () => ReadonlyArray<Signal["_tag"]>
  readonly roundTrips: () => ReadonlyArray<number>
  /** Waits until there have been this many of a kind since the last `forget`. */
  readonly until: (tag: Signal["_tag"], count?: number) => Effect.Effect<void>
  readonly forget: Effect.Effect<void>
  /** What was heard of an effect: of what it did and up to a fence after it. */
  readonly heardOf: <A, E, R>(
    effect: Effect.Effect<A, E, R>,
  ) => Effect.Effect<ReadonlyArray<Signal>, E | NotLive, R>
}

export const follow = Effect.fnUntraced(function* (
  tracker: Tracker["Service"],
  also: (signal: Signal) => void = () => {},
): Effect.fn.Return<Recorder, never, Scope.Scope> {
  let signals: Array<Signal> = []
  let roundTrips: Array<number> = []
  const waiting = new Set<() => void>()
  yield* tracker.follow((signal) => {
    if (signal._tag === "RoundTrip") roundTrips.push(signal.millis)
    else if (signal._tag !== "Alive") signals.push(signal)
    also(signal)
    for (const look of waiting) look()
  })

  const countOf = (tag: Signal["_tag"]) =>
    tag === "RoundTrip" ? roundTrips.length : signals.filter(({ _tag }) => _tag === tag).length
  const forget = Effect.sync(() => {
    signals = []
    roundTrips = []
  })
  return {
    signals: () => signals,
    tags: () => signals.map(({ _tag }) => _tag),
    roundTrips: () => roundTrips,
    until: (tag, count = 1) =>
      Effect.callback<void>((resume) => {
        const look = () => {
          if (countOf(tag) < count) return
          waiting.delete(look)
          resume(Effect.void)
        }
        waiting.add(look)
        look()
      }).pipe(Effect.timeout("10 seconds"), Effect.orDie),
    forget,
    heardOf: (effect) =>
      forget.pipe(
        Effect.andThen(effect),
        Effect.andThen(tracker.fence),
        Effect.map(() => signals),
      ),
  }
})

export const keysOf = (signals: ReadonlyArray<Signal>): ReadonlyArray<string> => [
  ...new Set(signals.flatMap((signal) => (signal._tag === "Invalidated" ? signal.keys : []))),
]
