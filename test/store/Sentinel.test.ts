import { assert, describe, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as StoreRedis from "../../src/store/StoreRedis.ts"
import * as RedisSentinelServer from "../RedisSentinelServer.ts"
import { connectionsOf, open, until } from "./ClusterFollowed.ts"
import { connect } from "./outside.ts"
import { utf8 } from "./samples.ts"
import * as StoreContract from "./StoreContract.ts"
import { keysOf } from "./TrackerRecorder.ts"

const { RedisSentinelServer: Sentinels } = RedisSentinelServer

const empty = Layer.unwrap(
  Effect.gen(function* () {
    const sentinels = yield* Sentinels
    yield* Effect.flatMap(sentinels.master, (master) => master.cli("FLUSHALL"))
    return StoreRedis.layer({ url: sentinels.url, keyPrefix: "app:", timeoutMillis: 5000 })
  }),
)

const outlive = (key: string) =>
  Effect.gen(function* () {
    const sentinels = yield* Sentinels
    yield* Effect.flatMap(sentinels.master, (master) => master.cli("PTTL", `app:${key}`)).pipe(
      Effect.repeat({ until: (ttl) => ttl === -2, schedule: Schedule.spaced("3 millis") }),
    )
  })

layer(RedisSentinelServer.layer, { excludeTestServices: true })("StoreRedis behind sentinels", (suite) => {
  StoreContract.check(suite, { empty, outlive })

  suite.effect(
    "a master that becomes a replica refuses writes, is not read from, and is back when it is one again",
    () =>
      Effect.gen(function* () {
        const sentinels = yield* Sentinels
        yield* sentinels.settled
        const store = yield* connect(sentinels.url, { timeoutMillis: 1000 })
        const [master, replica] = [yield* sentinels.master, yield* sentinels.replica]
        yield* store.write("key", utf8("value"))
        yield* master.cli("REPLICAOF", "127.0.0.1", `${replica.port}`)
        const refused = yield* Effect.flip(store.write("key", utf8("new")))
        assert.deepStrictEqual(
          [refused._tag, "reason" in refused && refused.reason],
          ["StoreUnavailable", "READONLY"],
        )
        yield* until(
          Effect.map(
            Effect.flip(store.read("key")),
            (error) => "reason" in error && error.reason === "not a master",
          ),
        )
        yield* master.cli("REPLICAOF", "NO", "ONE")
        yield* until(store.write("key", utf8("new")).pipe(Effect.as(true)))
        assert.strictEqual(yield* master.cli("GET", "key"), "new")
      }),
  )

  suite.effect("a failover is followed by data and tracker alike, and what was acknowledged is read", () =>
    Effect.gen(function* () {
      const sentinels = yield* Sentinels
      const { near, sink, store, tracker } = yield* open(sentinels.url)
      const [old, next] = [yield* sentinels.master, yield* sentinels.replica]
      yield* store.write("key", utf8("old"))
      yield* until(Effect.map(next.cli("GET", "key"), (value) => value === "old"))
      assert.strictEqual(yield* near.read("key"), "old")
      yield* sink.forget
      const asking = yield* Effect.forkScoped(
        Effect.forever(Effect.andThen(Effect.exit(near.read("key")), Effect.sleep("1 millis"))),
      )
      yield* sentinels.failover
      yield* sink.until("Live")
      assert.deepStrictEqual(sink.tags().slice(0, 2), ["Lost", "Live"])
      yield* sentinels.named(next)
      yield* until(Effect.sync(() => tracker.status() === "live"))
      yield* until(store.write("own", utf8("own")).pipe(Effect.as(true)))
      assert.strictEqual(yield* next.cli("GET", "own"), "own")
      yield* Fiber.interrupt(asking)
      for (const value of ["one", "two"]) {
        const heard = yield* sink.heardOf(next.cli("SET", "key", value))
        assert.deepStrictEqual(keysOf(heard), ["key"])
        assert.strictEqual(yield* near.read("key"), value)
      }
      assert.deepStrictEqual(yield* connectionsOf(next), { data: 1, trackers: 1 })
      // A server that is not the master any more is left after a while.
      yield* until(Effect.map(connectionsOf(old), ({ data, trackers }) => data === 0 && trackers === 0))
    }),
  )

  suite.effect(
    "a crash of the master is followed too, and nothing hangs or is answered by a replica meanwhile",
    () =>
      Effect.gen(function* () {
        const sentinels = yield* Sentinels
        yield* sentinels.settled
        const { near, sink, store, tracker } = yield* open(sentinels.url)
        const [old, next] = [yield* sentinels.master, yield* sentinels.replica]
        yield* store.write("key", utf8("kept"))
        yield* until(Effect.map(next.cli("GET", "key"), (value) => value === "kept"))
        yield* sink.forget
        yield* old.stop
        yield* sink.until("Lost")
        const failure = yield* Effect.flip(store.write("key", utf8("lost")))
        assert.include(["StoreUnavailable", "OutcomeUnknown"], failure._tag)
        yield* until(Effect.map(store.read("key"), Option.isSome))
        yield* until(Effect.sync(() => tracker.status() === "live"))
        assert.strictEqual(yield* near.read("key"), "kept")
        const heard = yield* sink.heardOf(next.cli("SET", "key", "new"))
        assert.deepStrictEqual(keysOf(heard), ["key"])
        assert.strictEqual(yield* near.read("key"), "new")
        yield* old.start
      }),
  )
})

describe("StoreRedis behind sentinels", () => {
  it.live("no sentinel is there: it starts all the same and says so", () =>
    Effect.gen(function* () {
      const store = yield* connect("redis-sentinel://127.0.0.1:1,127.0.0.1:2/main", { timeoutMillis: 100 })
      for (const operation of [
        store.read("key"),
        store.count,
        store.probe,
        store.write("key", utf8("value")),
      ]) {
        assert.strictEqual(
          (yield* Effect.flip<unknown, { readonly _tag: string }, never>(operation))._tag,
          "StoreUnavailable",
        )
      }
    }),
  )
})
