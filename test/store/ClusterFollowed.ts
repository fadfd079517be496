/** A store on several servers, a tracker on the same connections, and the smallest cache on top of them. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as RedisLink from "../../src/store/RedisLink.ts"
import type { RedisServers } from "../../src/store/RedisServers.ts"
import type { Store } from "../../src/store/Store.ts"
import * as StoreRedis from "../../src/store/StoreRedis.ts"
import type { Tracker } from "../../src/store/Tracker.ts"
import * as TrackerRedis from "../../src/store/TrackerRedis.ts"
import type { RedisServer } from "../RedisServer.ts"
import * as TrackerNearCache from "./TrackerNearCache.ts"
import * as TrackerRecorder from "./TrackerRecorder.ts"

export interface Followed {
  readonly store: Store["Service"]
  readonly tracker: Tracker["Service"]
  readonly servers: RedisServers
  readonly sink: TrackerRecorder.Recorder
  readonly near: TrackerNearCache.NearCache
}

export const ABSENT = "absent"

/** Followed from the start, or not yet. `blind`: takes a guard away. */
export const connect = Effect.fnUntraced(function* (
  url: string,
  blind: (servers: RedisServers) => RedisServers = (servers) => servers,
): Effect.fn.Return<Followed, never, Scope.Scope> {
  const options = { url, keyPrefix: "", timeoutMillis: 1000, refusedPauseMillis: 50 }
  const link = yield* Effect.orDie(RedisLink.make(options))
  const { client, servers } = link
  if (servers === undefined) return yield* Effect.die("one server")
  const tracker = yield* Effect.orDie(TrackerRedis.make(options, { client, servers: blind(servers) }))
  const store = StoreRedis.make(client, "")
  const near = TrackerNearCache.make((_command, key) =>
    store.read(key).pipe(
      Effect.map((found) => (Option.isNone(found) ? ABSENT : Buffer.from(found.value.bytes).toString())),
      Effect.mapError(({ _tag }) => _tag),
    ),
  )
  const sink = yield* TrackerRecorder.follow(tracker, near.apply)
  return { store, tracker, servers, sink, near }
})

export const open = Effect.fnUntraced(function* (...args: Parameters<typeof connect>) {
  const followed = yield* connect(...args)
  yield* followed.sink.until("Live")
  yield* followed.sink.forget
  return followed
})

/** Waits for what is true sooner or later by itself. */
export const until = <R>(condition: Effect.Effect<boolean, unknown, R>): Effect.Effect<void, never, R> =>
  Effect.orElseSucceed(condition, () => false).pipe(
    Effect.repeat({ until: (yes) => yes, schedule: Schedule.spaced("5 millis") }),
    Effect.timeout("20 seconds"),
    Effect.orDie,
    Effect.asVoid,
  )

/** How many connections of ours a server has, by their names. */
export const connectionsOf = (node: RedisServer["Service"]) =>
  Effect.map(node.cli("CLIENT", "LIST"), (list) => {
    const names = [...String(list).matchAll(/ name=(cache-mechanism\S*)/gu)].map(([, name]) => name)
    const count = (name: string) => names.filter((other) => other === name).length
    return { data: count("cache-mechanism"), trackers: count("cache-mechanism-tracker") }
  })
