/** Connections die, servers stop, memory runs out: nothing old is served in silence, and all of it heals. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Follow from "../../src/background/Follow.ts"
import * as Cache from "../../src/cache/Cache.ts"
import { Store } from "../../src/store/Store.ts"
import { Tracker } from "../../src/store/Tracker.ts"
import { RedisProxy } from "../RedisProxy.ts"
import * as RedisServer from "../RedisServer.ts"
import {
  agree,
  assertNotSilent,
  connected,
  fence,
  held,
  hold,
  kill,
  layer,
  live,
  notLive,
  over,
  proxied,
  read,
  resync,
  text,
  watch,
} from "./Coherent.ts"

describe("coherence through failures", () => {
  it.live("7: a write that was not answered in time is not known, and is read as it came out", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.RedisServer
      const { put } = yield* Cache.Cache
      yield* hold("k7", "1")
      yield* redis.pause
      assert.strictEqual((yield* Effect.flip(put("k7", text("2"))))._tag, "OutcomeUnknown")
      assert.strictEqual(yield* held("k7"), "nothing")
      yield* redis.resume
      yield* live
      yield* connected
      yield* agree(["k7"])
    }).pipe(Effect.provide(layer())),
  )

  it.live("7: a write that the server hears of long after it was given up is a write like any other", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      const proxy = yield* RedisProxy
      const { put, stats } = yield* Cache.Cache
      // From now on the server knows the script.
      yield* put("k7", text("0"))
      yield* hold("k7", "1")
      const { epoch } = yield* stats
      yield* proxy.hold("questions")
      assert.strictEqual((yield* Effect.flip(put("k7", text("2"))))._tag, "OutcomeUnknown")
      yield* connected
      // As Redis has it, and L1 holds it: not for ever.
      assert.strictEqual(yield* read("k7"), "1")
      assert.strictEqual(yield* held("k7"), "1")
      yield* proxy.release("questions")
      yield* Effect.repeat(cli("GET", "k7"), { until: (value) => value === "2" })
      yield* fence
      assert.strictEqual(yield* held("k7"), "nothing")
      assert.strictEqual(yield* read("k7"), "2")
      // The tracker was there all the time.
      assert.strictEqual((yield* stats).epoch, epoch)
    }).pipe(Effect.provide(proxied())),
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
      assert.strictEqual(yield* read("k8"), "1")
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
      yield* fence
      const left = yield* pipeline(keys.map((key) => ["EXISTS", key]))
      const evicted = keys.filter((_, index) => left[index] === 0)
      assert.isAbove(evicted.length, 10)
      for (const key of evicted) assert.strictEqual(yield* held(key), "nothing")
      yield* agree(keys)
    }).pipe(Effect.provide(layer())),
  )

  it.live("19: what was written while the tracker was away is not missed", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      const proxy = yield* RedisProxy
      for (let round = 0; round < 5; round++) {
        yield* hold("k19", `before ${round}`)
        yield* hold("unread", `before ${round}`)
        yield* proxy.hold("signals")
        yield* kill("tracker")
        yield* cli("MSET", "k19", `during ${round}`, "unread", `during ${round}`)
        yield* notLive
        assert.strictEqual(yield* held("k19"), "nothing")
        assert.strictEqual(yield* read("k19"), `during ${round}`)
        // What is read meanwhile is not trusted either: the next write is not heard of.
        yield* cli("SET", "k19", `later ${round}`)
        assert.strictEqual(yield* read("k19"), `later ${round}`)
        yield* proxy.release("signals")
        yield* live
        assert.strictEqual(yield* held("unread"), "nothing")
        yield* agree(["k19", "unread"])
      }
    }).pipe(Effect.provide(proxied())),
  )

  it.live("21: L1 goes on serving while the data connection is cut, and what is asked is never wrong", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      const { probe } = yield* Store
      const { stats } = yield* Cache.Cache
      yield* hold("k21", "1")
      const { epoch } = yield* stats
      for (let round = 0; round < 10; round++) {
        yield* cli("SET", "other", `${round}`)
        yield* fence
        yield* kill("data")
        const outage = Effect.gen(function* () {
          assert.strictEqual(yield* held("k21"), "1")
          const answer = yield* Effect.match(read("other"), { onFailure: () => "failed", onSuccess: String })
          assert.include(["failed", `${round}`], answer)
          yield* probe
        })
        yield* Effect.retry(outage, { while: ({ _tag }) => _tag === "StoreUnavailable" })
      }
      // It was not for the tracker's sake.
      assert.strictEqual((yield* stats).epoch, epoch)
      yield* cli("SET", "k21", "2")
      yield* agree(["k21", "other"])
      assert.strictEqual(yield* read("k21"), "2")
    }).pipe(Effect.provide(layer())),
  )

  it.live("23: a server that stops answering is not trusted, and is again when it answers", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.RedisServer
      yield* hold("k23", "1")
      yield* redis.pause
      // A second of silence and a quarter until the next PING, and what a loaded machine adds.
      yield* Effect.timeout(notLive, "5 seconds")
      assert.strictEqual(yield* held("k23"), "nothing")
      yield* assertNotSilent("k23")
      yield* redis.resume
      yield* live
      yield* connected
      assert.strictEqual(yield* read("k23"), "1")
      yield* redis.cli("SET", "k23", "2")
      yield* agree(["k23"])
      assert.strictEqual(yield* read("k23"), "2")
    }).pipe(Effect.provide(layer())),
  )

  it.live("25: nothing of a server that died is served once another one has taken its place", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.RedisServer
      yield* hold("k25", "1")
      yield* redis.stop
      yield* notLive
      assert.strictEqual(yield* held("k25"), "nothing")
      yield* assertNotSilent("k25")
      yield* redis.start
      yield* live
      yield* connected
      assert.strictEqual(yield* read("k25"), undefined)
      yield* redis.cli("SET", "k25", "2")
      yield* agree(["k25"])
      assert.strictEqual(yield* read("k25"), "2")
    }).pipe(Effect.provide(layer())),
  )

  it.live("30, 31: a backup finds and repairs exactly what nobody announced, and says so", () =>
    Effect.gen(function* () {
      const { cli, pipeline } = yield* RedisServer.RedisServer
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
      const { added, alarms, changed, removed } = yield* resync
      assert.deepStrictEqual(
        { added, alarms, changed, removed },
        { added: 1, alarms: 2, changed: 1, removed: 1 },
      )
      assert.deepStrictEqual(
        [yield* held("same"), yield* held("changed"), yield* held("removed"), yield* held("added")],
        ["1", "2", "nothing", "3"],
      )
      yield* agree(["same", "changed", "removed", "added"])
      const again = yield* resync
      assert.deepStrictEqual([again.added, again.alarms, again.changed, again.removed], [0, 0, 0, 0])
    }).pipe(Effect.provide(layer())),
  )

  it.live("32: a backup beside a writer of the same keys installs nothing old and raises no alarm", () =>
    Effect.gen(function* () {
      const { pipeline } = yield* RedisServer.RedisServer
      const keys = Array.from({ length: 200 }, (_, index) => `k32:${index}`)
      const write = (round: number) => pipeline(keys.map((key) => ["SET", key, String(round)]))
      yield* write(0)
      yield* fence
      const seen = yield* watch(keys.slice(0, 20))
      for (let round = 1; round <= 30; round++) {
        yield* Effect.forEach(keys, read, { concurrency: "unbounded" })
        const [{ alarms }] = yield* Effect.all([resync, write(round)], { concurrency: "unbounded" })
        assert.strictEqual(alarms, 0)
        yield* fence
        for (const key of keys) assert.include(["nothing", String(round)], yield* held(key))
      }
      yield* agree(keys)
      assert.isAbove(seen.reads, 100)
      assert.strictEqual(seen.backwards, 0)
    }).pipe(Effect.scoped, Effect.provide(layer())),
  )

  it.live("47: two caches: what one writes the other shows, and neither disturbs the other", () =>
    Effect.gen(function* () {
      const other = yield* Layer.build(over())
      const inOther = <A, E>(effect: Effect.Effect<A, E, Cache.Cache | Tracker | Store>) =>
        Effect.provide(effect, other)
      const { put, stats } = yield* Cache.Cache
      yield* put("k47", text("1"))
      yield* inOther(fence)
      assert.strictEqual(yield* inOther(read("k47")), "1")
      yield* put("k47", text("2"))
      yield* inOther(fence)
      assert.strictEqual(yield* inOther(held("k47")), "nothing")
      assert.strictEqual(yield* inOther(read("k47")), "2")
      yield* fence
      assert.strictEqual(yield* read("k47"), "2")
      // Of each the canary comes back to it, and means nothing to the other.
      const statsOf = Effect.all([stats, inOther(Effect.flatMap(Cache.Cache, (cache) => cache.stats))])
      const canaries = Effect.all([Follow.Follow, Effect.provide(Follow.Follow, other)]).pipe(
        Effect.map((both) => both.map(({ staleness }) => staleness().count)),
      )
      const [before, heard] = [yield* statsOf, yield* canaries]
      yield* Effect.repeat(canaries, {
        until: (now) => now.every((count, index) => count > (heard[index] ?? 0) + 1),
        schedule: Schedule.spaced("10 millis"),
      })
      assert.deepStrictEqual(yield* statsOf, before)
      assert.strictEqual(yield* held("k47"), "2")
      assert.strictEqual(yield* inOther(held("k47")), "2")
    }).pipe(Effect.scoped, Effect.provide(layer())),
  )

  it.live("48: with a prefix, the names in Redis and here are told apart", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      const { put } = yield* Cache.Cache
      yield* hold("k48", "1", "app:")
      yield* cli("SET", "k48", "not ours")
      yield* fence
      assert.strictEqual(yield* held("k48"), "1")
      yield* cli("SET", "app:k48", "2")
      yield* agree(["k48"], "app:")
      assert.strictEqual(yield* read("k48"), "2")
      yield* put("k48", text("3"))
      assert.deepStrictEqual([yield* cli("GET", "app:k48"), yield* cli("GET", "k48")], ["3", "not ours"])
      // Our name once more within theirs.
      yield* hold("app:k48", "4", "app:")
      yield* cli("SET", "app:k48", "5")
      yield* fence
      assert.strictEqual(yield* held("app:k48"), "4")
      yield* agree(["k48", "app:k48"], "app:")
      const { added, alarms } = yield* resync
      assert.deepStrictEqual([added, alarms], [0, 0])
    }).pipe(Effect.provide(layer({ keyPrefix: "app:" }))),
  )
})
