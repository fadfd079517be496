/**
 * Keeps L1 coherent with every writer: applies what the tracker says, in the tick in which it says it.
 *
 * An invalidation forgets the key and withdraws the token of whatever is being fetched for it. Any loss of
 * certainty makes all copies suspect, until the store confirms them again. Nothing here waits: the sink is
 * called by the socket's handler and changes the state before the handler returns, so that the tracker's
 * fence means what it says. Only talk of it (logs, subscribers) goes elsewhere.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import { Changes } from "../cache/Changes.ts"
import { L1 } from "../cache/L1.ts"
import * as CacheState from "../core/CacheState.ts"
import type { Key } from "../core/Entry.ts"
import * as Staleness from "../core/Staleness.ts"
import { type Signal, type Status, Tracker } from "../store/Tracker.ts"

export interface Options {
  /** How long a copy is trusted when the server refuses tracking. Milliseconds. */
  readonly untrackedTtlMillis: number
}

export class Follow extends Context.Service<
  Follow,
  {
    readonly status: () => Status
    /** Why it is not live. */
    readonly reason: () => string
    /** Round trips of the canary since the start. */
    readonly staleness: () => Staleness.Staleness
  }
>()("cache-mechanism/background/Follow") {}

/** Changes of the tracker's state that wait to be logged; older ones give way. */
const TALK_MAX = 16

const forgetKeys = (state: CacheState.CacheState, keys: ReadonlyArray<Key>): CacheState.CacheState => {
  let next = state
  for (const key of keys) next = CacheState.invalidate(next, key)[1]
  return next
}

const make = Effect.fnUntraced(function* (options: Options) {
  const l1 = yield* L1
  const tracker = yield* Tracker
  const changes = yield* Changes
  const talk = yield* Queue.sliding<Signal>(TALK_MAX)
  let staleness = Staleness.empty
  let reason = "not connected yet"

  const apply = (signal: Signal): CacheState.CacheState => {
    const state = l1.current()
    switch (signal._tag) {
      case "Invalidated":
        return forgetKeys(state, signal.keys)
      case "Flushed":
        return CacheState.invalidateAll(state)[1]
      case "Lost":
        return CacheState.lose(state)
      case "Live":
        return CacheState.trust(state, l1.now(), Infinity)
      case "Unsupported":
        return CacheState.trust(state, l1.now(), options.untrackedTtlMillis)
      case "Alive":
        return CacheState.assure(state, l1.now() + signal.forMillis)
      case "RoundTrip":
        return state
    }
  }

  const announce = (signal: Signal): void => {
    switch (signal._tag) {
      case "Invalidated":
        for (const key of signal.keys) changes.publish({ _tag: "Invalidated", key })
        return
      case "Flushed":
        return changes.publish({ _tag: "Reset", reason: "flushed" })
      case "Lost":
      case "Unsupported":
        return changes.publish({ _tag: "Reset", reason: signal.reason })
      case "Live":
        return changes.publish({ _tag: "Reset", reason: "live again" })
      case "Alive":
      case "RoundTrip":
        return
    }
  }

  const sink = (signal: Signal): void => {
    const next = apply(signal)
    l1.modify(() => [undefined, next])
    announce(signal)
    if (signal._tag === "RoundTrip") staleness = Staleness.record(staleness, signal.millis)
    if (signal._tag === "Lost" || signal._tag === "Unsupported") reason = signal.reason
    if (signal._tag === "Live") reason = ""
    if (signal._tag === "Lost" || signal._tag === "Unsupported" || signal._tag === "Live") {
      Queue.offerUnsafe(talk, signal)
    }
  }

  const say = (signal: Signal) => {
    switch (signal._tag) {
      case "Live":
        return Effect.logInfo("tracker is live")
      case "Lost":
        return Effect.annotateLogs(Effect.logWarning("tracker is not live"), "reason", signal.reason)
      case "Unsupported":
        return Effect.annotateLogs(
          Effect.logWarning("tracking is refused: L1 is a short-lived cache"),
          "reason",
          signal.reason,
        )
      default:
        return Effect.void
    }
  }

  if (tracker.status() !== "none") {
    const lose = () => l1.modify((state) => [undefined, CacheState.lose(state)])
    lose()
    // Whoever goes on with this L1 is told nothing any more.
    yield* Effect.addFinalizer(() => Effect.sync(lose))
  }
  yield* tracker.follow(sink)
  if (tracker.status() !== "none") {
    yield* Effect.forkScoped(Effect.forever(Effect.flatMap(Queue.take(talk), say)))
  }
  return Follow.of({ status: tracker.status, reason: () => reason, staleness: () => staleness })
})

export const layer = (options: Options): Layer.Layer<Follow, never, L1 | Changes | Tracker> =>
  Layer.effect(Follow, make(options))
