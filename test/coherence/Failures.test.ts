/** Connections die, servers stop, memory runs out: nothing old is served in silence, and all of it heals. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Backup from "../../src/background/Backup.ts"
import * as Cache from "../../src/cache/Cache.ts"
import { Store } from "../../src/store/Store.ts"
import { Tracker } from "../../src/store/Tracker.ts"
import * as RedisServer from "../RedisServer.ts"
import { agree, fence, held, hold, layer, live, over, read, text } from "./Coherent.ts"

const killTrackers = Effect.flatMap(RedisServer.RedisServer, ({ cli }) =>
  cli("CLIENT", "KILL", "TYPE", "pubsub"),
)
const killAll = Effect.flatMap(RedisServer.RedisServer, ({ cli }) => cli("CLIENT", "KILL", "TYPE", "normal"))

/** The data connection is there again: until then a read may be answered with a stale copy. */
const connected = Effect.flatMap(Store, ({ probe }) =>
  Effect.retry(probe, { schedule: Schedule.spaced("5 millis") }),
)

const notLive = Effect.flatMap(Tracker, ({ status }) =>
  Effect.repeat(Effect.andThen(Effect.yieldNow, Effect.sync(status)), { until: (now) => now !== "live" }),
)

describe("coherence through failures", () => {
  it.live("7: a write that was not answered in time is not known, and is read as it came out", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.RedisServer
      const { put } = yield* Cache.Cache
      yield* hold("k7", "1")
      yield* redis.pause
      assert.strictEqual((yield* Effect.flip(put("k7", text("2"))))._tag, "OutcomeUnknown")
      yield* redis.resume
      yield* live
      yield* connected
      yield* agree(["k7"])
    }).pipe(Effect.provide(layer())),
  )

  it.live("8: a write that was refused leaves what was", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      const { put } = yield* Cache.Cache
      yield* hold("k8", "1")
      yield* cli("CONFIG", "SET", "maxmemory", "1")
      assert.strictEqual((yield* Effect.flip(put("k8", text("2"))))._tag, "OutOfMemory")
      yield* cli("CONFIG", "SET", "maxmemory", "0")
      yield* agree(["k8"])
    }).pipe(Effect.provide(layer())),
  )

  it.live("15: what Redis evicts for room leaves L1 too", () =>
    Effect.gen(function* () {
      const { cli, pipeline } = yield* RedisServer.RedisServer
      const keys = Array.from({ length: 200 }, (_, index) => `k15:${index}`)
      yield* pipeline(keys.map((key) => ["SET", key, "x".repeat(10_000)]))
      yield* fence
      for (const key of keys) yield* read(key)
      yield* cli("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
      yield* cli("CONFIG", "SET", "maxmemory", "2500000")
      yield* pipeline(keys.map((key) => ["SET", `more:${key}`, "x".repeat(10_000)]))
      assert.isTrue(Number(yield* cli("DBSIZE")) < 300)
      yield* agree(keys)
    }).pipe(Effect.provide(layer())),
  )

  it.live("19: what was written while the tracker was away is not missed", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      for (let round = 0; round < 5; round++) {
        yield* hold("k19", `before ${round}`)
        yield* killTrackers
        yield* cli("SET", "k19", `during ${round}`)
        yield* notLive
        assert.strictEqual(yield* held("k19"), "nothing")
        assert.strictEqual(yield* read("k19"), `during ${round}`)
        yield* live
        yield* agree(["k19"])
      }
    }).pipe(Effect.provide(layer())),
  )

  it.live("20: what was being fetched when the tracker was lost does not enter", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      for (let round = 0; round < 20; round++) {
        yield* cli("SET", "k20", `old ${round}`)
        const killed = yield* Effect.forkChild(killTrackers, { startImmediately: true })
        const reader = yield* Effect.forkChild(read("k20"), { startImmediately: true })
        yield* Fiber.join(killed)
        yield* cli("SET", "k20", `new ${round}`)
        yield* Fiber.await(reader)
        yield* live
        yield* agree(["k20"])
        assert.strictEqual(yield* read("k20"), `new ${round}`)
      }
    }).pipe(Effect.provide(layer())),
  )

  it.live("21: L1 goes on serving while the data connection is cut", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      yield* hold("k21", "1")
      yield* killAll
      assert.strictEqual(yield* held("k21"), "1")
      yield* live
      yield* cli("SET", "k21", "2")
      yield* fence
      yield* connected
      assert.strictEqual(yield* read("k21"), "2")
    }).pipe(Effect.provide(layer())),
  )

  it.live("23: a server that stops answering is not trusted, and is again when it answers", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.RedisServer
      yield* hold("k23", "1")
      yield* redis.pause
      yield* notLive
      assert.strictEqual(yield* held("k23"), "nothing")
      assert.strictEqual(yield* read("k23"), "1")
      yield* redis.resume
      yield* live
      yield* redis.cli("SET", "k23", "2")
      yield* fence
      yield* connected
      assert.strictEqual(yield* read("k23"), "2")
    }).pipe(Effect.provide(layer())),
  )

  it.live("25: nothing of a server that died is served once another one has taken its place", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.RedisServer
      yield* hold("k25", "1")
      yield* redis.stop
      yield* notLive
      yield* redis.start
      yield* live
      yield* connected
      assert.strictEqual(yield* read("k25"), undefined)
    }).pipe(Effect.provide(layer())),
  )

  it.live("26: without the right to listen, copies are short-lived and reads are right", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      yield* cli("ACL", "SETUSER", "quiet", "on", ">pw", "~*", "+@all", "resetchannels")
      const limited = over({ url: ({ port }) => `redis://quiet:pw@127.0.0.1:${port}` })
      yield* Effect.gen(function* () {
        const { status } = yield* Tracker
        assert.strictEqual(status(), "unsupported")
        yield* cli("SET", "k26", "1")
        assert.strictEqual(yield* read("k26"), "1")
        assert.strictEqual(yield* held("k26"), "1")
        yield* cli("SET", "k26", "2")
        yield* Effect.repeat(read("k26"), { until: (value) => value === "2" })
      }).pipe(Effect.provide(limited))
    }).pipe(Effect.provide(RedisServer.layer)),
  )

  it.live("30, 31: a backup finds and repairs exactly what nobody announced, and says so", () =>
    Effect.gen(function* () {
      const { cli, pipeline } = yield* RedisServer.RedisServer
      const { run } = yield* Backup.Backup
      for (const key of ["same", "changed", "removed"]) yield* hold(key, "1")
      yield* pipeline([
        ["SELECT", "1"],
        ["MSET", "same", "1", "changed", "2", "added", "3"],
      ])
      yield* fence
      for (const key of ["same", "changed", "removed"]) yield* read(key)
      yield* cli("SWAPDB", "0", "1")
      yield* fence
      assert.strictEqual(yield* held("changed"), "1")
      const { added, alarms, changed, removed } = yield* run
      assert.deepStrictEqual(
        { added, alarms, changed, removed },
        { added: 1, alarms: 2, changed: 1, removed: 1 },
      )
      yield* agree(["same", "changed", "removed", "added"])
    }).pipe(Effect.provide(layer())),
  )

  it.live("32: a backup beside a writer of the same keys installs nothing old and raises no alarm", () =>
    Effect.gen(function* () {
      const { pipeline } = yield* RedisServer.RedisServer
      const { run } = yield* Backup.Backup
      const keys = Array.from({ length: 200 }, (_, index) => `k32:${index}`)
      const write = (round: number) => pipeline(keys.map((key) => ["SET", key, String(round)]))
      yield* write(0)
      yield* fence
      for (let round = 1; round <= 30; round++) {
        yield* Effect.forEach(keys, read, { concurrency: "unbounded" })
        const [{ alarms }] = yield* Effect.all([run, write(round)], { concurrency: "unbounded" })
        assert.strictEqual(alarms, 0)
      }
      yield* agree(keys)
    }).pipe(Effect.provide(layer())),
  )

  it.live("44: a reader that is interrupted leaves nothing behind, and the others get their answer", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      const { stats } = yield* Cache.Cache
      yield* cli("SET", "k44", "1")
      yield* fence
      const first = yield* Effect.forkChild(read("k44"), { startImmediately: true })
      const second = yield* Effect.forkChild(read("k44"), { startImmediately: true })
      yield* Fiber.interrupt(first)
      assert.strictEqual(yield* Fiber.join(second), "1")
      assert.strictEqual((yield* stats).filling, 0)
    }).pipe(Effect.provide(layer())),
  )

  it.live("45: eviction from L1 while a key is being fetched loses no token and revives nothing", () =>
    Effect.gen(function* () {
      const { cli, pipeline } = yield* RedisServer.RedisServer
      const { stats } = yield* Cache.Cache
      const keys = Array.from({ length: 100 }, (_, index) => `k45:${index}`)
      yield* pipeline(keys.map((key) => ["SET", key, "1"]))
      yield* fence
      const readers = yield* Effect.forkChild(Effect.forEach(keys, read, { concurrency: "unbounded" }), {
        startImmediately: true,
      })
      yield* cli("SET", "k45:50", "2")
      yield* Fiber.join(readers)
      yield* agree(keys)
      const { entries, evicted, filling } = yield* stats
      assert.isTrue(entries <= 10 && evicted > 0 && filling === 0)
    }).pipe(Effect.provide(layer({ maxEntries: 10 }))),
  )

  it.live("47: two caches: what one writes the other shows, and neither disturbs the other", () =>
    Effect.gen(function* () {
      const other = yield* Layer.build(over())
      const inOther = <A, E>(effect: Effect.Effect<A, E, Cache.Cache | Tracker | Store>) =>
        Effect.provide(effect, other)
      const { put } = yield* Cache.Cache
      yield* put("k47", text("1"))
      yield* inOther(fence)
      assert.strictEqual(yield* inOther(read("k47")), "1")
      yield* put("k47", text("2"))
      yield* inOther(fence)
      assert.strictEqual(yield* inOther(held("k47")), "nothing")
      assert.strictEqual(yield* inOther(read("k47")), "2")
      yield* fence
      assert.strictEqual(yield* read("k47"), "2")
    }).pipe(Effect.scoped, Effect.provide(layer())),
  )

  it.live("48: with a prefix, the names in Redis and here are told apart", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      yield* hold("k48", "1", "app:")
      yield* cli("SET", "k48", "not ours")
      yield* fence
      assert.strictEqual(yield* held("k48"), "1")
      yield* cli("SET", "app:k48", "2")
      yield* agree(["k48"], "app:")
      assert.strictEqual(yield* read("k48"), "2")
    }).pipe(Effect.provide(layer({ keyPrefix: "app:" }))),
  )
})
