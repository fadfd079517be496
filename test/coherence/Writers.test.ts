/** Whoever writes, and however: after a fence L1 serves nothing that Redis does not have. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Cache from "../../src/cache/Cache.ts"
import * as Condition from "../../src/core/Condition.ts"
import * as RedisServer from "../RedisServer.ts"
import { agree, fence, held, hold, layer as coherent, read, text } from "./Coherent.ts"

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

  it.effect("2: never keeps what a write overtook while it was being fetched", () =>
    Effect.gen(function* () {
      const { pipeline } = yield* RedisServer.RedisServer
      const { invalidate } = yield* Cache.Cache
      for (let round = 0; round < 300; round++) {
        yield* pipeline([["SET", "k2", `old ${round}`]])
        yield* fence
        yield* invalidate(["k2"])
        const reader = yield* Effect.forkChild(read("k2"), { startImmediately: true })
        yield* pipeline([["SET", "k2", `new ${round}`]])
        yield* Fiber.join(reader)
        yield* fence
        assert.include([`new ${round}`, "nothing"], yield* held("k2"))
      }
    }),
  )

  it.effect("5: reads in any fiber what another was told is written", () =>
    Effect.gen(function* () {
      const { put } = yield* Cache.Cache
      for (let round = 0; round < 500; round++) {
        yield* put("k5", text(String(round)))
        const seen = yield* Effect.all([read("k5"), read("k5"), read("k5")], { concurrency: "unbounded" })
        assert.deepStrictEqual(seen, [String(round), String(round), String(round)])
      }
    }),
  )

  it.effect("6: does not join a question that is older than its own write", () =>
    Effect.gen(function* () {
      const { invalidate, put } = yield* Cache.Cache
      for (let round = 0; round < 200; round++) {
        yield* invalidate(["k6"])
        const early = yield* Effect.forkChild(read("k6"), { startImmediately: true })
        yield* put("k6", text(String(round)))
        assert.strictEqual(yield* read("k6"), String(round))
        yield* Fiber.join(early)
        assert.strictEqual(yield* read("k6"), String(round))
      }
    }),
  )

  it.effect("9, 10: hears of a third party after its own SET, and after GETEX and GETSET", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      const { put } = yield* Cache.Cache
      for (const command of [[], ["GETEX", "k9"], ["GETSET", "k9", "between"]]) {
        yield* put("k9", text("own"))
        if (command.length > 0) yield* cli("SET", "k9", "own")
        const [name, ...args] = command
        if (name !== undefined) yield* cli(name, ...args)
        yield* cli("SET", "k9", "third")
        yield* agree(["k9"])
        assert.strictEqual(yield* read("k9"), "third")
      }
    }),
  )

  it.effect("11: forgets everything at FLUSHALL and FLUSHDB, of another database too", () =>
    Effect.gen(function* () {
      const { cli, pipeline } = yield* RedisServer.RedisServer
      const { stats } = yield* Cache.Cache
      for (const flush of [["FLUSHALL"], ["FLUSHDB"], ["FLUSHALL", "ASYNC"]] as const) {
        yield* hold("a", "1")
        yield* hold("b", "2")
        const [name, ...args] = flush
        yield* cli(name, ...args)
        yield* fence
        assert.strictEqual((yield* stats).entries, 0)
        yield* agree(["a", "b"])
      }
      yield* hold("a", "1")
      yield* pipeline([["SELECT", "1"], ["FLUSHDB"]])
      yield* fence
      assert.strictEqual((yield* stats).entries, 0)
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

  it.effect("13: serves nothing past its deadline, though Redis says so late", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      yield* cli("SET", "k13", "1", "PX", "60")
      assert.strictEqual(yield* read("k13"), "1")
      while (Number(yield* cli("PTTL", "k13")) !== -2) yield* Effect.yieldNow
      assert.strictEqual(yield* read("k13"), undefined)
    }),
  )

  it.effect("14: follows a change of the expiry", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      const { get } = yield* Cache.Cache
      yield* hold("k14", "1")
      yield* cli("PEXPIRE", "k14", "100000")
      yield* fence
      const expiring = (yield* get("k14")).entry
      assert.isTrue(expiring._tag === "Present" && expiring.storeExpiresAt < Infinity)
      yield* cli("PERSIST", "k14")
      yield* fence
      const lasting = (yield* get("k14")).entry
      assert.isTrue(lasting._tag === "Present" && lasting.storeExpiresAt === Infinity)
    }),
  )

  it.effect("16: shows both keys of a MULTI and of a script, and never the first new and then old", () =>
    Effect.gen(function* () {
      const { pipeline } = yield* RedisServer.RedisServer
      for (let round = 0; round < 50; round++) {
        const value = String(round)
        yield* pipeline([["MULTI"], ["SET", "k16a", value], ["SET", "k16b", value], ["EXEC"]])
        yield* agree(["k16a", "k16b"])
        yield* pipeline([
          [
            "EVAL",
            "redis.call('SET', KEYS[1], ARGV[1]); redis.call('SET', KEYS[2], ARGV[1])",
            "2",
            "k16a",
            "k16b",
            `s${value}`,
          ],
        ])
        yield* agree(["k16a", "k16b"])
      }
    }),
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
      const keys = ["a", "b", "a,b", "a\nb", "{x}", "é", "\u{1F600}", "x".repeat(1_024)]
      for (const key of keys) yield* hold(key, "1")
      yield* cli("SET", "a,b", "2")
      yield* fence
      assert.deepStrictEqual([yield* held("a,b"), yield* held("a"), yield* held("b")], ["nothing", "1", "1"])
      yield* pipeline([
        ["SET", "", "empty"],
        ["SET", Buffer.from([0xff, 0xfe]), "binary"],
        ["SET", "x".repeat(10_000), "long"],
      ])
      yield* agree(keys)
    }),
  )

  it.effect("29: is not moved by garbage on the channel", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      yield* hold("k29", "1")
      for (const garbage of ["", "k29", "null", "[]"]) yield* cli("PUBLISH", "__redis__:invalidate", garbage)
      yield* fence
      assert.strictEqual(yield* held("k29"), "1")
    }),
  )

  it.effect("33: counts exactly with compare and set", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      const { get, put } = yield* Cache.Cache
      yield* cli("SET", "k33", "0")
      const increment: Effect.Effect<void, Cache.ReadError, Cache.Cache> = Effect.gen(function* () {
        const { entry } = yield* get("k33")
        if (entry._tag === "Absent") return
        const next = String(Number(yield* read("k33")) + 1)
        const won = yield* Effect.isSuccess(
          put("k33", text(next), { condition: Condition.ifTag(entry.etag) }),
        )
        if (!won) yield* Effect.suspend(() => increment)
      })
      yield* Effect.forEach(Array.from({ length: 4 }), () => Effect.repeat(increment, { times: 49 }), {
        concurrency: "unbounded",
      })
      assert.strictEqual(yield* cli("GET", "k33"), "200")
    }),
  )
})
