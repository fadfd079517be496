import { assert, layer, type Vitest } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as EntityTag from "../../src/store/EntityTag.ts"
import * as StoreRedis from "../../src/store/StoreRedis.ts"
import { RedisClusterServer, layer as clusterLayer } from "../RedisClusterServer.ts"
import { until } from "./ClusterFollowed.ts"
import { connect } from "./outside.ts"
import { mebibyte, utf8 } from "./samples.ts"
import * as StoreContract from "./StoreContract.ts"

const empty = (keyPrefix: string) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const cluster = yield* RedisClusterServer
      yield* cluster.flush
      return StoreRedis.layer({ url: cluster.url, keyPrefix, timeoutMillis: 5000 })
    }),
  )

const outlive = (keyPrefix: string) => (key: string) =>
  Effect.gen(function* () {
    const cluster = yield* RedisClusterServer
    yield* cluster
      .cli("PTTL", keyPrefix + key)
      .pipe(Effect.repeat({ until: (ttl) => ttl === -2, schedule: Schedule.spaced("3 millis") }))
  })

const checkMoves = (it: Vitest.MethodsNonLive<RedisClusterServer>) => {
  it.effect("a listing goes on after a slot moved, and its cursor is refused after a promotion", () =>
    Effect.gen(function* () {
      const cluster = yield* RedisClusterServer
      yield* cluster.flush
      const store = yield* connect(cluster.url)
      const keys = Array.from({ length: 50 }, (_, index) => `key ${index}`)
      yield* Effect.forEach(keys, (key) => store.write(key, utf8("value")), { concurrency: "unbounded" })
      const first = yield* store.list({ prefix: "", limit: 10, cursor: Option.none() })
      assert.isAbove(first.keys.length, 0)
      const owner = yield* cluster.ownerOf("nothing here")
      const other = (yield* cluster.masters).find((node) => node !== owner) ?? owner
      yield* cluster.take(yield* cluster.slotOf("nothing here"), owner, other)
      yield* until(Effect.map(store.read("nothing here"), Option.isNone))
      const second = yield* store.list({ prefix: "", limit: 10, cursor: first.cursor })
      assert.isAbove(second.keys.length, 0)
      yield* cluster.settled
      yield* cluster.promote(yield* cluster.replicaOf(other))
      yield* until(
        Effect.map(
          Effect.flip(store.list({ prefix: "", limit: 10, cursor: first.cursor })),
          ({ _tag }) => _tag === "BadCursor",
        ),
      )
      assert.strictEqual(
        (yield* store.list({ prefix: "", limit: 100, cursor: Option.none() })).keys.length,
        50,
      )
    }),
  )

  it.effect("large values are compared where they are, while their slot moves too", () =>
    Effect.gen(function* () {
      const cluster = yield* RedisClusterServer
      // After the promotion above.
      yield* cluster.settled
      yield* cluster.flush
      const store = yield* connect(cluster.url)
      const bytes = mebibyte.slice(0, 100_000)
      const keys = Array.from({ length: 6 }, (_, index) => `{compared}${index}`)
      const all = [...keys, "elsewhere", "a", "b"]
      yield* Effect.forEach(all, (key) => store.write(key, bytes))
      const slot = yield* cluster.slotOf("{compared}")
      const from = yield* cluster.ownerOf("{compared}")
      const to = (yield* cluster.masters).find((node) => node !== from) ?? from
      let version = 0
      const check = Effect.gen(function* () {
        const other = utf8(`${++version}`)
        yield* store.write("{compared}1", other)
        yield* store.write("{compared}4", other)
        const known = Option.some({ etag: EntityTag.of(bytes), size: bytes.byteLength })
        const answers = yield* store.compareMany(all.map((key) => ({ key, known })))
        assert.deepStrictEqual(
          answers.map((answer) => Option.getOrThrow(Result.getOrThrow(answer)).bytes),
          all.map((_, index) => (index === 1 || index === 4 ? Option.some(other) : Option.none())),
        )
      })
      yield* check
      yield* cluster.startMove(slot, from, to)
      for (const key of keys.slice(0, 3))
        yield* from.cli("MIGRATE", "127.0.0.1", `${to.port}`, key, "0", "5000")
      yield* check
      yield* cluster.moveKeys(slot, from, to)
      yield* check
      yield* cluster.finishMove(slot, from, to)
      yield* check
      yield* cluster.settled
    }),
  )

  it.effect("no node is there: it starts all the same and says so", () =>
    Effect.gen(function* () {
      const store = yield* connect("redis-cluster://127.0.0.1:1,127.0.0.1:2", { timeoutMillis: 100 })
      const list = store.list({ prefix: "", limit: 1, cursor: Option.none() })
      for (const operation of [
        store.read("key"),
        store.count,
        store.probe,
        list,
        store.readMany(["a", "b"]),
        store.compareMany([{ key: "a", known: Option.none() }]),
      ]) {
        const failure: { readonly _tag: string } = yield* Effect.flip<
          unknown,
          { readonly _tag: string },
          never
        >(operation)
        assert.strictEqual(failure._tag, "StoreUnavailable")
      }
    }),
  )
}

for (const keyPrefix of ["", "app:[*]:"]) {
  layer(clusterLayer, { excludeTestServices: true })(
    `StoreRedis on a cluster, key prefix "${keyPrefix}"`,
    (it) => {
      StoreContract.check(it, { empty: empty(keyPrefix), outlive: outlive(keyPrefix) })
      if (keyPrefix === "") checkMoves(it)
    },
  )
}
