/**
 * The port to the feed of invalidations: who wrote to which key, whoever it was.
 *
 * A tracker says what happened to one sink, synchronously, in the handler of the socket from which it came:
 * an invalidation that waited in a queue would be late, and the fence would lie. While it is live, every write
 * that the store acknowledged reaches the sink before the fence does; whatever may break that is `Lost`.
 *
 * Every layer passes one contract suite, `test/store/TrackerContract.ts`.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Key } from "../core/Entry.ts"

/** What reaches the sink, in the order in which it happened. */
export type Signal =
  /** Something wrote to these keys, or they expired or were evicted in the store. */
  | { readonly _tag: "Invalidated"; readonly keys: ReadonlyArray<Key> }
  /** Everything in the store was removed, or may have been. */
  | { readonly _tag: "Flushed" }
  /** Invalidations may have been missed from some moment before now on, and will be until `Live`. */
  | { readonly _tag: "Lost"; readonly reason: string }
  /** From now on nothing is missed. What was fetched before is not to be trusted. */
  | { readonly _tag: "Live" }
  /**
   * A question of just now was answered: nothing was missed until it was asked. Good for so long, from now; then
   * it takes another one to be sure. Only while live; a tracker that never says it is sure until `Lost`.
   */
  | { readonly _tag: "Alive"; readonly forMillis: number }
  /** The server refuses tracking: from now on nothing is told. `reason` says what it refuses. */
  | { readonly _tag: "Unsupported"; readonly reason: string }
  /** How long a write of our own took to be heard of here, sending included. */
  | { readonly _tag: "RoundTrip"; readonly millis: number }

/** Called synchronously; must not throw. */
export type Sink = (signal: Signal) => void

export type Status =
  /** Nothing is missed. */
  | "live"
  /** Connected, not yet following. */
  | "arming"
  /** Not connected. */
  | "down"
  /** The server refuses tracking: L1 is a short-lived cache. Tried again now and then. */
  | "unsupported"
  /** Nobody else writes to this store: there is nothing to follow. */
  | "none"

/** The fence cannot be had while the tracker is not live. */
export class NotLive extends Schema.TaggedError<NotLive>()("NotLive", {
  reason: Schema.String,
}) {}

export class Tracker extends Context.Service<
  Tracker,
  {
    /**
     * Follows for as long as the scope lives. There is one sink, a second one is a defect. It hears at once
     * that the tracker is `Live` or tracking `Unsupported`, else when that is so. From `Lost` to `Live` it hears
     * nothing but perhaps `Unsupported`, which comes once, never while live, and ends with `Live`.
     */
    readonly follow: (sink: Sink) => Effect.Effect<void, never, Scope.Scope>
    readonly status: () => Status
    /**
     * When it succeeds, the sink has heard of every write that the store had acknowledged before it was called.
     */
    readonly fence: Effect.Effect<void, NotLive>
  }
>()("cache-mechanism/store/Tracker") {}
