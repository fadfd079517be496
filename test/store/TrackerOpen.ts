/** Trackers as tests of Redis need them. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as RedisClient from "../../src/store/RedisClient.ts"
import { type Signal, Tracker } from "../../src/store/Tracker.ts"
import * as TrackerRedis from "../../src/store/TrackerRedis.ts"
import * as TrackerRecorder from "./TrackerRecorder.ts"

export const TIMEOUT_MILLIS = 500

type Options = Partial<Omit<TrackerRedis.Options, "url">>

export const open = (
  url: string,
  options: Options = {},
): Effect.Effect<Tracker["Service"], never, Scope.Scope> =>
  Layer.build(TrackerRedis.layer({ url, keyPrefix: "", timeoutMillis: 5000, ...options })).pipe(
    Effect.map(Context.get(Tracker)),
    Effect.orDie,
  )

/** A tracker with a sink, and what it has said so far forgotten. */
export const followed = Effect.fnUntraced(function* (
  url: string,
  options?: Options,
  also?: (signal: Signal) => void,
) {
  const tracker = yield* open(url, options)
  const sink = yield* TrackerRecorder.follow(tracker, also)
  yield* sink.until("Live")
  yield* sink.forget
  return { tracker, sink }
})

/** A data connection of this process. */
export const data = Effect.fnUntraced(function* (url: string) {
  const client = yield* Effect.orDie(RedisClient.make({ url, timeoutMillis: 5000 }))
  return (...command: readonly [string, ...ReadonlyArray<string>]) =>
    Effect.callback<unknown, string>((resume) =>
      client.send(command[0], command.slice(1), (fault, reply) =>
        resume(fault === undefined ? Effect.succeed(reply) : Effect.fail(fault.reason)),
      ),
    )
})

/** Every connection on which a tracker is subscribed. */
export const KILL = ["CLIENT", "KILL", "TYPE", "pubsub"] as const
