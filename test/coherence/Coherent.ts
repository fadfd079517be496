/**
 * A cache that follows a real Redis, and words to talk about it. Waiting is done by the fence, never by time,
 * and the order of things is forced by a proxy (`RedisProxy.ts`). What is tested where: `Scenarios.test.ts`.
 */
import { assert } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Backup from "../../src/background/Backup.ts"
import * as Follow from "../../src/background/Follow.ts"
import * as Cache from "../../src/cache/Cache.ts"
import * as L1 from "../../src/cache/L1.ts"
import * as Changes from "../../src/cache/Changes.ts"
import * as RedisFollowed from "../../src/store/RedisFollowed.ts"
import type { RedisUrlInvalid } from "../../src/store/RedisUrl.ts"
import { Store } from "../../src/store/Store.ts"
import * as StoreRedis from "../../src/store/StoreRedis.ts"
import * as Tracker from "../../src/store/Tracker.ts"
import * as TrackerRedis from "../../src/store/TrackerRedis.ts"
import * as Unguarded from "../chaos/Unguarded.ts"
import * as RedisProxy from "../RedisProxy.ts"
import * as RedisServer from "../RedisServer.ts"
import type * as RedisWire from "../RedisWire.ts"

export const lifetime = { ttlMillis: 300_000, graceMillis: 3_600_000, negativeTtlMillis: 300_000, jitter: 0 }

const TIMEOUT_MILLIS = 1_000
const MAX_BYTES = 100_000_000

export interface Options {
  readonly keyPrefix?: string
  readonly maxEntries?: number
  /** False: an answer enters L1 although a write has overtaken it. */
  readonly guard?: boolean
  readonly refusedPauseMillis?: number
  /** None: nothing is logged. */
  readonly logger?: Logger.Logger<unknown, void>
}

/** Somebody else, who reads and writes the same data by other connections. */
export class Foreign extends Context.Service<
  Foreign,
  {
    readonly cli: (
      command: string,
      key: string,
      ...args: ReadonlyArray<string>
    ) => Effect.Effect<RedisWire.Text>
  }
>()("cache-mechanism/test/Foreign") {}

const cacheOf = ({ guard = true, maxEntries = 10_000 }: Options) => {
  const bounds = { maxEntries, maxBytes: MAX_BYTES }
  return guard
    ? Cache.layer({ bounds, lifetime })
    : Layer.provideMerge(
        Cache.layerOver(lifetime),
        Layer.mergeAll(Unguarded.layer(bounds), Changes.layer({ maxSubscribers: 1 })),
      )
}

/** The data connection is there again: until then a read may be answered with a stale copy. */
export const connected = Effect.flatMap(Store, ({ probe }) =>
  Effect.retry(probe, { schedule: Schedule.spaced("5 millis") }),
)

/** A loaded machine takes longer than the library waits at its start. */
const ready = Layer.effectDiscard(
  Effect.gen(function* () {
    const { status } = yield* Tracker.Tracker
    yield* Effect.repeat(Effect.sync(status), {
      until: (now) => now === "live" || now === "unsupported",
      schedule: Schedule.spaced("5 millis"),
    })
    yield* connected
  }),
)

/** On this store and this tracker. */
export const on = (redis: Layer.Layer<Store | Tracker.Tracker, RedisUrlInvalid>, options: Options) =>
  Layer.provideMerge(
    ready,
    Layer.mergeAll(Follow.layer({ untrackedTtlMillis: 1_000 }), Backup.layer({ every: "1 hour", lifetime })),
  ).pipe(
    Layer.provideMerge(cacheOf(options)),
    Layer.provideMerge(redis),
    Layer.provide(
      options.logger === undefined
        ? Layer.succeed(References.MinimumLogLevel, "None")
        : Logger.layer([options.logger]),
    ),
  )

export const redisAt = (url: string, { keyPrefix = "", refusedPauseMillis }: Options = {}) => ({
  url,
  keyPrefix,
  timeoutMillis: TIMEOUT_MILLIS,
  ...(refusedPauseMillis === undefined ? {} : { refusedPauseMillis }),
})

/** Whatever the URL names. */
export const at = (url: string, options: Options = {}) =>
  on(RedisFollowed.layer(redisAt(url, options)), options)

/** On the server in the context. */
export const over = (options: Options = {}) =>
  Layer.unwrap(Effect.map(RedisServer.RedisServer, ({ url }) => at(url, options)))

export const foreign = Layer.effect(
  Foreign,
  Effect.map(RedisServer.RedisServer, ({ cli }) => Foreign.of({ cli })),
)

export const serverWith = (args: ReadonlyArray<string>) =>
  Layer.effect(RedisServer.RedisServer, RedisServer.make(args))

/** With a server of its own. */
export const layer = (options: Options = {}, args: ReadonlyArray<string> = []) =>
  over(options).pipe(Layer.provideMerge(foreign), Layer.provideMerge(serverWith(args)))

const behindProxy = Layer.mergeAll(foreign, RedisProxy.layer)

/** With a server of its own, and a proxy in between. */
export const proxied = (options: Options = {}, args: ReadonlyArray<string> = []) =>
  Layer.unwrap(Effect.map(RedisProxy.RedisProxy, ({ url }) => at(url, options))).pipe(
    Layer.provideMerge(behindProxy),
    Layer.provideMerge(serverWith(args)),
  )

/**
 * As with a pool of connections: what is read comes by another one than what is written goes, so the answer to a
 * question may come after that to a later write. Only questions and signals go through the proxy.
 */
export const pooled = (options: Options = {}) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { url } = yield* RedisProxy.RedisProxy
      const server = yield* RedisServer.RedisServer
      const store = Effect.gen(function* () {
        const reading = yield* Layer.build(StoreRedis.layer(redisAt(url, options)))
        const writing = yield* Layer.build(StoreRedis.layer(redisAt(server.url, options)))
        const { read, readMany } = Context.get(reading, Store)
        return Store.of({ ...Context.get(writing, Store), read, readMany })
      })
      const tracker = TrackerRedis.layer(redisAt(url, options))
      return on(Layer.mergeAll(Layer.effect(Store, store), tracker), options)
    }),
  ).pipe(Layer.provideMerge(behindProxy), Layer.provideMerge(RedisServer.layer))

/** Everything that the server acknowledged until now has been applied to L1. */
export const fence = Effect.flatMap(Tracker.Tracker, (tracker) => tracker.fence)

/** It is followed, and not only since this very millisecond: what is asked in it is still suspect. */
export const live = Effect.gen(function* () {
  const { status } = yield* Tracker.Tracker
  const { current, now } = yield* L1.L1
  const isTrusted = () => status() === "live" && Math.floor(now()) >= current().trustedSince
  yield* Effect.repeat(Effect.sync(isTrusted), {
    until: (yes) => yes,
    schedule: Schedule.spaced("5 millis"),
  })
})

export const notLive = Effect.flatMap(Tracker.Tracker, ({ status }) =>
  Effect.repeat(Effect.andThen(Effect.yieldNow, Effect.sync(status)), { until: (now) => now !== "live" }),
)

const valueOf = ({ entry }: Cache.Reading): string | undefined =>
  entry.value !== undefined ? String(entry.value) : undefined

export const read = Effect.fnUntraced(function* (key: string) {
  const { get } = yield* Cache.Cache
  return valueOf(yield* get(key))
})

/** What L1 would serve without asking. */
export const held = Effect.fnUntraced(function* (key: string) {
  const { peek } = yield* Cache.Cache
  const reading = peek(key)
  return reading === undefined ? "nothing" : (valueOf(reading) ?? "absent")
})

/** The answer says itself that it may be old, or there is none. */
export const assertNotSilent = Effect.fnUntraced(function* (key: string) {
  const { get } = yield* Cache.Cache
  const answered = yield* Effect.match(get(key), {
    onFailure: () => "failed",
    onSuccess: ({ via }) => via._tag,
  })
  assert.include(["Stale", "failed"], answered)
})

/** Somebody else's value in L1: written, heard of, and only then read. */
export const hold = Effect.fnUntraced(function* (key: string, value: string, keyPrefix = "") {
  const { cli } = yield* Foreign
  yield* cli("SET", keyPrefix + key, value)
  yield* fence
  yield* read(key)
  assert.strictEqual(yield* held(key), value)
})

/** After a fence, what is read is what Redis has, for each of the keys; by L1 or not. */
export const agree = Effect.fnUntraced(function* (keys: ReadonlyArray<string>, keyPrefix = "") {
  const { cli } = yield* Foreign
  yield* fence
  for (const key of keys) {
    const truth = yield* cli("GET", keyPrefix + key)
    assert.deepStrictEqual(yield* read(key), truth ?? undefined, key)
  }
})

/** A reader whose question the server has answered with this; the answer does not arrive before `land`. */
export const inFlight = Effect.fnUntraced(function* (key: string, value: string) {
  const proxy = yield* RedisProxy.RedisProxy
  // A server that does not know the script yet is asked twice.
  yield* read("another key")
  yield* proxy.hold("answers")
  const reader = yield* Effect.forkChild(read(key), { startImmediately: true })
  yield* proxy.held("answers", value)
  return reader
})

export const land = Effect.fnUntraced(function* <A, E>(reader: Fiber.Fiber<A, E>) {
  const proxy = yield* RedisProxy.RedisProxy
  yield* proxy.release("answers")
  return yield* Fiber.join(reader)
})

/** Ends connections of ours as an administrator does. */
export const kill = Effect.fnUntraced(function* (...names: ReadonlyArray<"tracker" | "data">) {
  const { cli, pipeline } = yield* RedisServer.RedisServer
  const wanted = names.map((name) => (name === "data" ? "name=cache-mechanism " : `-${name} `))
  const lines = String(yield* cli("CLIENT", "LIST")).split("\n")
  const ids = lines.flatMap((line) =>
    wanted.some((name) => line.includes(name)) ? (/^id=(\d+)/u.exec(line)?.[1] ?? []) : [],
  )
  // One that is gone meanwhile is an error among the replies.
  if (ids.length > 0) yield* pipeline(ids.map((id) => ["CLIENT", "KILL", "ID", id]))
})

const WATCHERS = 4

/** Reads numbers that only grow, again and again until the scope ends, and counts those that shrank or went. */
export const watch = Effect.fnUntraced(function* (keys: ReadonlyArray<string>) {
  const { get } = yield* Cache.Cache
  const seen = { reads: 0, backwards: 0 }
  const watcher = Effect.gen(function* () {
    const latest = new Map<string, number>()
    for (;;) {
      for (const key of keys) {
        const number = yield* Effect.match(get(key), {
          onFailure: () => undefined,
          onSuccess: (reading) => (reading.via._tag === "Stale" ? undefined : Number(valueOf(reading) ?? 0)),
        })
        yield* Effect.yieldNow
        if (number === undefined) continue
        const before = latest.get(key) ?? 0
        seen.reads++
        if (number < before) seen.backwards++
        latest.set(key, Math.max(before, number))
      }
    }
  })
  for (let index = 0; index < WATCHERS; index++) yield* Effect.forkScoped(watcher)
  return seen
})

/** A round of the backup. */
export const resync = Effect.flatMap(Backup.Backup, ({ run }) =>
  Effect.provideService(run, References.MinimumLogLevel, "None"),
)

export const text = (value: string): Uint8Array => new TextEncoder().encode(value)
