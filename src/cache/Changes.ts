/**
 * What L1 hears of, for others who keep copies: browsers, other caches.
 *
 * A subscriber hears of every key that was written after it subscribed, at least once, or of a `Reset`: then
 * anything may have changed. It begins with one, since nobody knows what it has missed. One that does not keep
 * up is cut off: it hears a last `Reset` and its stream ends, so that memory stays bounded and nothing is
 * missed in silence.
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Key } from "../core/Entry.ts"

export type Change =
  | { readonly _tag: "Invalidated"; readonly key: Key }
  | { readonly _tag: "Reset"; readonly reason: string }

/** There are as many subscribers as there may be. */
export class TooManySubscribers extends Schema.TaggedError<TooManySubscribers>()("TooManySubscribers", {
  max: Schema.Int,
}) {}

/** Changes that a subscriber may lag behind. */
const LAG_MAX = 1_024

export class Changes extends Context.Service<
  Changes,
  {
    /** Synchronous, so that it can be called where the change happens. */
    readonly publish: (change: Change) => void
    /** Keys that begin with the prefix, and resets, until the stream is left. */
    readonly subscribe: (prefix: string) => Effect.Effect<Stream.Stream<Change>, TooManySubscribers>
    /** Ends all streams: a process that stops does not wait for those who listen. */
    readonly close: Effect.Effect<void>
    readonly subscribers: () => number
  }
>()("cache-mechanism/cache/Changes") {}

interface Subscriber {
  readonly prefix: string
  readonly queue: Queue.Queue<Change, Cause.Done>
  overrun: boolean
}

const make = (maxSubscribers: number): Changes["Service"] => {
  const subscribers = new Set<Subscriber>()

  const offer = (subscriber: Subscriber, change: Change): void => {
    if (change._tag === "Invalidated" && !change.key.startsWith(subscriber.prefix)) return
    if (Queue.offerUnsafe(subscriber.queue, change)) return
    subscriber.overrun = true
    subscribers.delete(subscriber)
    Queue.endUnsafe(subscriber.queue)
  }

  const enter = (prefix: string) =>
    Effect.map(Queue.dropping<Change, Cause.Done>(LAG_MAX), (queue): Subscriber => {
      const subscriber = { prefix, queue, overrun: false }
      subscribers.add(subscriber)
      offer(subscriber, { _tag: "Reset", reason: "subscribed" })
      return subscriber
    })

  const leave = (subscriber: Subscriber) => Effect.sync(() => subscribers.delete(subscriber))

  const listen = (subscriber: Subscriber): Stream.Stream<Change> =>
    Stream.concat(
      Stream.fromQueue(subscriber.queue),
      Stream.suspend(() =>
        subscriber.overrun ? Stream.succeed<Change>({ _tag: "Reset", reason: "too slow" }) : Stream.empty,
      ),
    )

  return Changes.of({
    publish: (change) => {
      for (const subscriber of subscribers) offer(subscriber, change)
    },
    // Entered when the stream starts: one that is never run holds no place.
    subscribe: (prefix) =>
      Effect.suspend(() =>
        subscribers.size >= maxSubscribers
          ? Effect.fail(new TooManySubscribers({ max: maxSubscribers }))
          : Effect.succeed(Stream.unwrap(Effect.map(Effect.acquireRelease(enter(prefix), leave), listen))),
      ),
    close: Effect.sync(() => {
      for (const subscriber of subscribers) Queue.endUnsafe(subscriber.queue)
      subscribers.clear()
    }),
    subscribers: () => subscribers.size,
  })
}

export const layer = (options: { readonly maxSubscribers: number }): Layer.Layer<Changes> =>
  Layer.effect(
    Changes,
    Effect.acquireRelease(
      Effect.sync(() => make(options.maxSubscribers)),
      (changes) => changes.close,
    ),
  )
