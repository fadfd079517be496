/** A cache that follows a real Redis, and words to talk about it. Waiting is done by the fence, never by time. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Backup from "../../src/background/Backup.ts"
import * as Follow from "../../src/background/Follow.ts"
import * as Cache from "../../src/cache/Cache.ts"
import { textOf } from "../../src/cache/Content.ts"
import * as RedisFollowed from "../../src/store/RedisFollowed.ts"
import * as Tracker from "../../src/store/Tracker.ts"
import * as RedisServer from "../RedisServer.ts"

export const lifetime = { ttlMillis: 300_000, graceMillis: 3_600_000, negativeTtlMillis: 300_000, jitter: 0 }

const TIMEOUT_MILLIS = 1_000

export interface Options {
  readonly keyPrefix?: string
  readonly maxEntries?: number
  readonly url?: (server: RedisServer.RedisServer["Service"]) => string
}

/** On the server in the context. */
export const over = (options: Options = {}) =>
  Layer.unwrap(
    Effect.map(RedisServer.RedisServer, (server) => {
      const redis = {
        url: options.url?.(server) ?? server.url,
        keyPrefix: options.keyPrefix ?? "",
        timeoutMillis: TIMEOUT_MILLIS,
      }
      const bounds = { maxEntries: options.maxEntries ?? 10_000, maxBytes: 100_000_000 }
      return Layer.mergeAll(
        Follow.layer({ untrackedTtlMillis: 1_000 }),
        Backup.layer({ every: "1 hour", lifetime }),
      ).pipe(
        Layer.provideMerge(Cache.layer({ bounds, lifetime })),
        Layer.provideMerge(RedisFollowed.layer(redis)),
        Layer.provide(Layer.succeed(References.MinimumLogLevel, "None")),
      )
    }),
  )

/** With a server of its own. */
export const layer = (options: Options = {}) => Layer.provideMerge(over(options), RedisServer.layer)

/** Everything that the server acknowledged until now has been applied to L1. */
export const fence = Effect.flatMap(Tracker.Tracker, (tracker) => tracker.fence)

export const live = Effect.flatMap(Tracker.Tracker, ({ status }) =>
  Effect.repeat(Effect.sync(status), {
    until: (now) => now === "live",
    schedule: Schedule.spaced("5 millis"),
  }),
)

export const read = Effect.fnUntraced(function* (key: string) {
  const { get } = yield* Cache.Cache
  const { entry } = yield* get(key)
  return entry._tag === "Present" ? textOf(entry.bytes) : undefined
})

/** What L1 would serve without asking. */
export const held = Effect.fnUntraced(function* (key: string) {
  const { peek } = yield* Cache.Cache
  const entry = peek(key)?.entry
  return entry === undefined ? "nothing" : entry._tag === "Present" ? textOf(entry.bytes) : "absent"
})

/** Somebody else's value in L1: written, heard of, and only then read. */
export const hold = Effect.fnUntraced(function* (key: string, value: string, keyPrefix = "") {
  const { cli } = yield* RedisServer.RedisServer
  yield* cli("SET", keyPrefix + key, value)
  yield* fence
  yield* read(key)
  assert.strictEqual(yield* held(key), value)
})

/** After a fence, what is read is what Redis has, for each of the keys; by L1 or not. */
export const agree = Effect.fnUntraced(function* (keys: ReadonlyArray<string>, keyPrefix = "") {
  const { cli } = yield* RedisServer.RedisServer
  yield* fence
  for (const key of keys) {
    const truth = yield* cli("GET", keyPrefix + key)
    assert.deepStrictEqual(yield* read(key), truth ?? undefined, key)
  }
})

export const text = (value: string): Uint8Array => new TextEncoder().encode(value)
