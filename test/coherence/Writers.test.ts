/** Whoever writes, and however: after a fence L1 serves nothing that Redis does not have. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Cache from "../../src/cache/Cache.ts"
import * as Condition from "../../src/core/Condition.ts"
import * as EntityTag from "../../src/store/EntityTag.ts"
import * as RedisLink from "../../src/store/RedisLink.ts"
import { Store } from "../../src/store/Store.ts"
import * as StoreRedis from "../../src/store/StoreRedis.ts"
import { Tracker } from "../../src/store/Tracker.ts"
import * as TrackerRedis from "../../src/store/TrackerRedis.ts"
import * as RedisServer from "../RedisServer.ts"
import {
  agree,
  fence,
  held,
  hold,
  layer as coherent,
  on,
  over,
  read,
  redisAt,
  resync,
  text,
  watch,
} from "./Coherent.ts"

layer(coherent(), { excludeTestServices: true })("coherence with every writer", (it) => {
  it.effect("1: shows a third party's SET", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      yield* hold("k1", "1")
      yield* cli("SET", "k1", "2")
      yield* fence
      assert.strictEqual(yield* held("k1"), "nothing")
      assert.strictEqual(yield* read("k1"), "2")
    }),
  )

  it.effect("9: hears of a third party after its own write, removal and conditional write", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      const { get, put, remove } = yield* Cache.Cache
      const own: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        put("k9", text("own")),
        put("k9", text("own"), { expiry: { _tag: "Keep" } }),
        put("k9", text("own"), { condition: Condition.ifPresent }),
        Effect.flip(put("k9", text("own"), { condition: Condition.ifAbsent })),
        remove("k9"),
        Effect.andThen(put("k9", text("own")), get("k9")),
      ]
      for (const [index, write] of own.entries()) {
        yield* write
        yield* cli("SET", "k9", `third ${index}`)
        yield* fence
        assert.strictEqual(yield* read("k9"), `third ${index}`)
      }
    }),
  )

  it.effect("10: hears of a third party after GETEX, GETSET and SET GET on the connection that reads", () =>
    Effect.gen(function* () {
      const { cli, url } = yield* RedisServer.RedisServer
      const link = yield* RedisLink.make(redisAt(url))
      const tracker = yield* TrackerRedis.make(redisAt(url), link)
      const redis = Layer.mergeAll(
        Layer.succeed(Store, StoreRedis.make(link.client, "")),
        Layer.succeed(Tracker, tracker),
      )
      const commands = [
        ["GETEX", "k10"],
        ["GETEX", "k10", "EX", "100"],
        ["GETSET", "k10", "own"],
        ["SET", "k10", "own", "GET"],
        ["SET", "k10", "own"],
        ["GETDEL", "k10"],
      ]
      yield* Effect.gen(function* () {
        for (const [name = "", ...args] of commands) {
          yield* hold("k10", "before")
          yield* Effect.callback<void>((resume) => link.client.send(name, args, () => resume(Effect.void)))
          yield* cli("SET", "k10", `third after ${name}`)
          yield* fence
          assert.strictEqual(yield* read("k10"), `third after ${name}`)
        }
      }).pipe(Effect.provide(on(redis, {})))
    }),
  )

  it.effect("11: forgets everything at FLUSHALL and FLUSHDB, of another database too", () =>
    Effect.gen(function* () {
      const { cli, pipeline } = yield* RedisServer.RedisServer
      const { stats } = yield* Cache.Cache
      for (const flush of [
        [["FLUSHALL"]],
        [["FLUSHDB"]],
        [["FLUSHALL", "ASYNC"]],
        [["FLUSHDB", "ASYNC"]],
        [["SELECT", "1"], ["FLUSHDB"]],
      ]) {
        yield* hold("a", "1")
        yield* hold("b", "2")
        yield* cli("DEL", "none")
        yield* read("none")
        yield* pipeline(flush)
        yield* fence
        assert.strictEqual((yield* stats).entries, 0)
        yield* agree(["a", "b", "none"])
      }
    }),
  )

  it.effect("12: shows what was deleted as absent, and what was created as present", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      yield* hold("k12", "1")
      yield* cli("DEL", "k12")
      yield* agree(["k12"])
      assert.strictEqual(yield* held("k12"), "absent")
      yield* cli("SET", "k12", "2")
      yield* agree(["k12"])
      assert.strictEqual(yield* read("k12"), "2")
    }),
  )

  it.effect("16: shows both keys of a MULTI and of a script, and never the first new and then old", () =>
    Effect.gen(function* () {
      const { pipeline } = yield* RedisServer.RedisServer
      const keys = ["k16a", "k16b"]
      const script = "for _, key in ipairs(KEYS) do redis.call('SET', key, ARGV[1]) end"
      const seen = yield* watch(keys)
      for (let value = 1; value <= 200; value += 2) {
        const [one, two] = [String(value), String(value + 1)]
        yield* pipeline([["MULTI"], ...keys.map((key) => ["SET", key, one]), ["EXEC"]])
        yield* fence
        assert.deepStrictEqual([yield* read("k16a"), yield* read("k16b")], [one, one])
        yield* pipeline([["EVAL", script, "2", ...keys, two]])
        yield* fence
        assert.deepStrictEqual([yield* read("k16a"), yield* read("k16b")], [two, two])
      }
      assert.isAbove(seen.reads, 400)
      assert.strictEqual(seen.backwards, 0)
    }).pipe(Effect.scoped),
  )

  it.effect("17: follows RENAME, COPY, RESTORE, MOVE, GETDEL, UNLINK, APPEND, INCR, SETRANGE", () =>
    Effect.gen(function* () {
      const { cli, pipeline, raw } = yield* RedisServer.RedisServer
      const keys = ["k17a", "k17b", "k17c", "k17n"]
      const dump = yield* Effect.andThen(cli("SET", "k17d", "dumped"), raw("DUMP", "k17d"))
      const commands = [
        ["RENAME", "k17a", "k17b"],
        ["COPY", "k17b", "k17c", "REPLACE"],
        ["APPEND", "k17b", "x"],
        ["SETRANGE", "k17b", "0", "Y"],
        ["INCR", "k17n"],
        ["INCRBYFLOAT", "k17n", "0.5"],
        ["GETDEL", "k17b"],
        ["UNLINK", "k17c"],
        ["MSET", "k17a", "m1", "k17b", "m2"],
        ["MOVE", "k17a", "2"],
      ]
      yield* cli("MSET", "k17a", "a", "k17b", "b", "k17c", "c", "k17n", "1")
      for (const key of keys) yield* read(key)
      for (const command of commands) {
        const [name = "", ...args] = command
        yield* cli(name, ...args)
        yield* agree(keys)
      }
      if (dump instanceof Uint8Array)
        yield* pipeline([["RESTORE", "k17b", "0", Buffer.from(dump), "REPLACE"]])
      yield* agree(keys)
      assert.strictEqual(yield* read("k17b"), "dumped")
    }),
  )

  it.effect("18: tells keys apart that only look alike, and survives names that are no keys", () =>
    Effect.gen(function* () {
      const { cli, pipeline } = yield* RedisServer.RedisServer
      const { stats } = yield* Cache.Cache
      const keys = ["a", "b", "a,b", "a\nb", "{x}", "é", "\u{1F600}", "x".repeat(1_024)]
      yield* cli("FLUSHALL")
      for (const key of keys) yield* hold(key, "1")
      yield* cli("SET", "a,b", "2")
      yield* fence
      assert.deepStrictEqual([yield* held("a,b"), yield* held("a"), yield* held("b")], ["nothing", "1", "1"])
      yield* read("a,b")
      yield* cli("MSET", "a", "2", "b", "2")
      yield* fence
      assert.deepStrictEqual(
        [yield* held("a,b"), yield* held("a"), yield* held("b")],
        ["2", "nothing", "nothing"],
      )
      const { epoch } = yield* stats
      yield* pipeline([
        ["SET", "", "empty"],
        ["SET", Buffer.from([0xff, 0xfe]), "binary"],
        ["MSET", Buffer.from([0x61, 0xc3, 0x28]), "binary", "a", "3"],
        ["SET", "x".repeat(10_000), "long"],
      ])
      yield* agree(keys)
      // A listing goes past them, and the tracker was never in doubt.
      const { added, alarms, checked, stopped } = yield* resync
      assert.deepStrictEqual(
        { added, alarms, checked, stopped },
        { added: 0, alarms: 0, checked: keys.length, stopped: "complete" },
      )
      assert.strictEqual((yield* stats).epoch, epoch)
    }),
  )

  it.effect("29: is not moved by garbage on the channel", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      const { stats } = yield* Cache.Cache
      yield* hold("k29", "1")
      const { epoch } = yield* stats
      for (const garbage of ["", "k29", "null", "[]", Uint8Array.of(0xff, 0)])
        yield* cli("PUBLISH", "__redis__:invalidate", garbage)
      yield* fence
      assert.strictEqual(yield* held("k29"), "1")
      assert.strictEqual((yield* stats).epoch, epoch)
    }),
  )

  it.effect("33: counts exactly with compare and set, of four clients with 250 steps each", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      yield* cli("SET", "k33", "0")
      const increment: Effect.Effect<void, unknown, Cache.Cache> = Effect.gen(function* () {
        const { get, put } = yield* Cache.Cache
        const { entry } = yield* get("k33")
        if (entry.value === undefined) return assert.fail("gone")
        const next = String(Number(entry.value) + 1)
        yield* put("k33", text(next), { condition: Condition.ifTag(EntityTag.of(entry.value)) }).pipe(
          Effect.catchTag("ConditionFailed", () => increment),
        )
      })
      const client = Effect.flatMap(Layer.build(over()), (cache) =>
        Effect.provide(Effect.repeat(increment, { times: 249 }), cache),
      )
      yield* Effect.forEach([1, 2, 3, 4], () => client, { concurrency: "unbounded" })
      assert.strictEqual(yield* cli("GET", "k33"), "1000")
      yield* agree(["k33"])
    }).pipe(Effect.scoped),
  )

  it.effect("34: a comparison that a third party's SET has overtaken is refused with the tag of now", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      const { get, put } = yield* Cache.Cache
      yield* hold("k34", "1")
      const old = (yield* get("k34")).entry
      if (old.value === undefined) return assert.fail("gone")
      yield* cli("SET", "k34", "2")
      // No fence: whatever L1 believes, Redis decides.
      const refused = yield* Effect.flip(
        put("k34", text("3"), { condition: Condition.ifTag(EntityTag.of(old.value)) }),
      )
      yield* agree(["k34"])
      const now = (yield* get("k34")).entry
      if (now.value === undefined) return assert.fail("gone")
      assert.notStrictEqual(now.value, old.value)
      assert.deepStrictEqual(
        refused._tag === "ConditionFailed" ? refused.current : refused,
        Option.some(EntityTag.of(now.value)),
      )
      assert.strictEqual(yield* cli("GET", "k34"), "2")
    }),
  )
})
