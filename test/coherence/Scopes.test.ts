/** The scope of the whole library ends, whatever it is doing: nothing of it is left. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { Tracker } from "../../src/store/Tracker.ts"
import * as Leaks from "../chaos/Leaks.ts"
import * as RedisProxy from "../RedisProxy.ts"
import * as RedisServer from "../RedisServer.ts"
import { connectionsOf, until } from "../store/ClusterFollowed.ts"
import { at, foreign, held, hold, inFlight, notLive, read } from "./Coherent.ts"

const outside = Layer.mergeAll(foreign, RedisProxy.layer).pipe(Layer.provideMerge(RedisServer.layer))

const build = Effect.flatMap(RedisProxy.RedisProxy, ({ url }) => Layer.build(at(url)))

const rejections = Effect.acquireRelease(
  Effect.sync(() => {
    const seen: Array<unknown> = []
    const listener = (reason: unknown) => void seen.push(reason)
    process.on("unhandledRejection", listener)
    return { seen, listener }
  }),
  ({ listener }) => Effect.sync(() => process.off("unhandledRejection", listener)),
)

/** What is left of an effect, here and at the server. */
const nothingIsLeftBy = <E, R>(effect: Effect.Effect<unknown, E, R>) =>
  Effect.gen(function* () {
    const { seen } = yield* rejections
    const redis = yield* RedisServer.RedisServer
    const { left } = yield* Leaks.leftBy(effect)
    assert.deepStrictEqual(left, [])
    yield* until(Effect.map(connectionsOf(redis), ({ data, trackers }) => data === 0 && trackers === 0))
    assert.deepStrictEqual(seen, [])
  }).pipe(Effect.scoped, Effect.provide(outside))

describe("the end of the scope", () => {
  it.live("43: while the tracker is being armed", () =>
    nothingIsLeftBy(
      Effect.gen(function* () {
        const proxy = yield* RedisProxy.RedisProxy
        yield* proxy.hold("signals")
        const building = yield* Effect.forkChild(build)
        yield* proxy.held("signals", "OK")
        yield* Fiber.interrupt(building)
      }),
    ),
  )

  it.live("43: while a key is fetched, whose readers are told", () =>
    nothingIsLeftBy(
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const cache = yield* Scope.provide(build, scope)
        yield* Effect.gen(function* () {
          yield* hold("held", "1")
          yield* hold("k43", "1")
          const { cli } = yield* RedisServer.RedisServer
          yield* cli("SET", "k43", "2;")
          yield* Effect.flatMap(Tracker, (tracker) => tracker.fence)
          const reader = yield* inFlight("k43", "2;")
          yield* Scope.close(scope, Exit.void)
          assert.strictEqual((yield* Effect.flip(Fiber.join(reader)))._tag, "StoreUnavailable")
          // Nobody tells any more: what was held is not served to who goes on.
          assert.strictEqual(yield* held("held"), "nothing")
          assert.strictEqual((yield* Effect.flip(read("k43")))._tag, "StoreUnavailable")
        }).pipe(Effect.provide(cache))
      }),
    ),
  )

  it.live("43: while it connects again", () =>
    nothingIsLeftBy(
      Effect.gen(function* () {
        const redis = yield* RedisServer.RedisServer
        // After the end of what comes later.
        yield* Effect.addFinalizer(() => redis.start)
        const cache = yield* build
        yield* redis.stop
        yield* Effect.provide(notLive, cache)
      }),
    ),
  )

  it.live("43: while the server does not answer", () =>
    nothingIsLeftBy(
      Effect.gen(function* () {
        const redis = yield* RedisServer.RedisServer
        yield* Effect.addFinalizer(() => redis.resume)
        const cache = yield* build
        yield* redis.pause
        const reader = yield* Effect.forkChild(Effect.provide(read("k43"), cache), {
          startImmediately: true,
        })
        assert.isUndefined(reader.pollUnsafe())
      }),
    ),
  )

  it.live("43: while tracking is refused", () =>
    nothingIsLeftBy(
      Effect.gen(function* () {
        const redis = yield* RedisServer.RedisServer
        yield* redis.cli("ACL", "SETUSER", "default", "resetchannels")
        const cache = yield* build
        const { status } = yield* Effect.provide(Tracker, cache)
        assert.strictEqual(status(), "unsupported")
      }),
    ),
  )
})
