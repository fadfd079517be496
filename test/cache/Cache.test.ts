import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { TestClock } from "effect/testing"
import { Cache, layer, type Reading } from "../../src/cache/Cache.ts"
import { textOf } from "../../src/cache/Content.ts"
import * as Condition from "../../src/core/Condition.ts"
import { after, keep } from "../../src/store/Store.ts"
import * as ChaosStore from "./ChaosStore.ts"

const { Chaos, text } = ChaosStore

const MINUTE = 60_000

const lifetime = { ttlMillis: 5 * MINUTE, graceMillis: 60 * MINUTE, negativeTtlMillis: 5_000, jitter: 0 }

const cache = layer({ bounds: { maxEntries: 1_000, maxBytes: 10_000_000 }, lifetime }).pipe(
  Layer.provideMerge(ChaosStore.layer),
)

const valueOf = (reading: Reading): string | undefined =>
  reading.entry.value !== undefined ? String(reading.entry.value) : undefined

const via = (reading: Reading): string =>
  reading.via._tag === "Forwarded"
    ? `${reading.via.because}${reading.via.collapsed ? " collapsed" : ""}`
    : reading.via._tag

describe("Cache", () => {
  it.effect("reads through once, then serves from L1", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos
      const { get, stats } = yield* Cache
      yield* chaos.foreign.write("k", text("v"))
      const first = yield* get("k")
      const second = yield* get("k")
      assert.deepStrictEqual([valueOf(first), via(first)], ["v", "uri-miss"])
      assert.deepStrictEqual([valueOf(second), via(second)], ["v", "Hit"])
      assert.strictEqual(chaos.asked().reads, 1)
      const { hits, misses } = yield* stats
      assert.deepStrictEqual({ hits, misses }, { hits: 1, misses: 1 })
    }).pipe(Effect.provide(cache)),
  )

  it.effect("asks the store again after five minutes, and each entry on its own time", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos
      const { get } = yield* Cache
      yield* chaos.foreign.write("a", text("1"))
      yield* chaos.foreign.write("b", text("1"))
      yield* get("a")
      yield* TestClock.adjust(4 * MINUTE)
      yield* get("b")
      yield* TestClock.adjust(MINUTE - 1)
      assert.strictEqual(via(yield* get("a")), "Hit")
      yield* TestClock.adjust(1)
      assert.strictEqual(via(yield* get("a")), "stale")
      assert.strictEqual(via(yield* get("b")), "Hit")
    }).pipe(Effect.provide(cache)),
  )

  it.effect("never serves past the expiry in the store", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos
      const { get } = yield* Cache
      yield* chaos.foreign.write("k", text("v"), { expiry: after(1_000) })
      yield* get("k")
      yield* TestClock.adjust(1_000)
      yield* chaos.down
      assert.isTrue(Exit.isFailure(yield* Effect.exit(get("k"))))
      yield* chaos.up
      assert.strictEqual(valueOf(yield* get("k")), undefined)
    }).pipe(Effect.provide(cache)),
  )

  it.effect("remembers an absence for the negative TTL only", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos
      const { get } = yield* Cache
      assert.strictEqual((yield* get("k")).entry.value, undefined)
      yield* chaos.foreign.write("k", text("v"))
      assert.deepStrictEqual([via(yield* get("k")), chaos.asked().reads], ["Hit", 1])
      yield* TestClock.adjust(5_000)
      assert.strictEqual(valueOf(yield* get("k")), "v")
    }).pipe(Effect.provide(cache)),
  )

  it.effect("asks once however many read a missing key at the same time", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos
      const { get, stats } = yield* Cache
      yield* chaos.foreign.write("k", text("v"))
      const release = yield* chaos.holdReads
      const readers = yield* Effect.forEach(Array.from({ length: 100 }), () =>
        Effect.forkChild(get("k"), { startImmediately: true }),
      )
      yield* release
      const readings = yield* Effect.forEach(readers, Fiber.join)
      assert.strictEqual(chaos.asked().reads, 1)
      assert.isTrue(readings.every((reading) => valueOf(reading) === "v"))
      assert.strictEqual((yield* stats).collapsed, 99)
    }).pipe(Effect.provide(cache)),
  )

  it.effect("goes on for the others when the first reader is interrupted", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos
      const { get } = yield* Cache
      yield* chaos.foreign.write("k", text("v"))
      const release = yield* chaos.holdReads
      const first = yield* Effect.forkChild(get("k"), { startImmediately: true })
      const second = yield* Effect.forkChild(get("k"), { startImmediately: true })
      yield* Fiber.interrupt(first)
      yield* release
      assert.strictEqual(valueOf(yield* Fiber.join(second)), "v")
      assert.strictEqual(chaos.asked().reads, 1)
    }).pipe(Effect.provide(cache)),
  )

  it.effect("fills L1 even when nobody waits for the answer any more", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos
      const { get } = yield* Cache
      yield* chaos.foreign.write("k", text("v"))
      const release = yield* chaos.holdReads
      const only = yield* Effect.forkChild(get("k"), { startImmediately: true })
      yield* Fiber.interrupt(only)
      yield* release
      yield* Effect.yieldNow
      assert.strictEqual(via(yield* get("k")), "Hit")
    }).pipe(Effect.provide(cache)),
  )

  it.effect("gives a late answer to its callers but not to L1 when the key was invalidated meanwhile", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos
      const { get, invalidate, peek, stats } = yield* Cache
      yield* chaos.foreign.write("k", text("old"))
      const release = yield* chaos.holdReads
      const early = yield* Effect.forkChild(get("k"), { startImmediately: true })
      yield* chaos.foreign.write("k", text("new"))
      yield* invalidate(["k"])
      const late = yield* Effect.forkChild(get("k"), { startImmediately: true })
      yield* release
      assert.strictEqual(valueOf(yield* Fiber.join(early)), "old")
      assert.strictEqual(valueOf(yield* Fiber.join(late)), "new")
      const held = peek("k")
      assert.strictEqual(held === undefined ? undefined : valueOf(held), "new")
      assert.strictEqual((yield* stats).fillsDropped, 1)
    }).pipe(Effect.provide(cache)),
  )

  it.effect("reads what it wrote, from L1", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos
      const { get, put } = yield* Cache
      yield* put("k", text("1"))
      assert.deepStrictEqual([valueOf(yield* get("k")), chaos.asked().reads], ["1", 0])
      yield* put("k", text("2"))
      assert.strictEqual(valueOf(yield* get("k")), "2")
      const stored = yield* chaos.foreign.read("k")
      assert.strictEqual(Option.isSome(stored) ? textOf(stored.value.bytes) : "", "2")
    }).pipe(Effect.provide(cache)),
  )

  it.effect("does not let a read that left before a write hide the write", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos
      const { get, put } = yield* Cache
      yield* chaos.foreign.write("k", text("old"))
      const release = yield* chaos.holdReads
      const early = yield* Effect.forkChild(get("k"), { startImmediately: true })
      yield* put("k", text("new"))
      assert.strictEqual(valueOf(yield* get("k")), "new")
      yield* release
      assert.strictEqual(valueOf(yield* Fiber.join(early)), "old")
      assert.strictEqual(valueOf(yield* get("k")), "new")
    }).pipe(Effect.provide(cache)),
  )

  it.effect("does not install a write that a later write overtook", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos
      const { get, put } = yield* Cache
      const release = yield* chaos.holdWrites
      const first = yield* Effect.forkChild(put("k", text("1")), { startImmediately: true })
      const second = yield* Effect.forkChild(put("k", text("2")), { startImmediately: true })
      yield* release
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      assert.strictEqual(valueOf(yield* get("k")), "2")
      assert.strictEqual(chaos.asked().reads, 1)
    }).pipe(Effect.provide(cache)),
  )

  it.effect("tells L1 how a write ended even when the writer is interrupted", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos
      const { get, put } = yield* Cache
      yield* put("k", text("1"))
      const release = yield* chaos.holdWrites
      const writer = yield* Effect.forkChild(put("k", text("2")), { startImmediately: true })
      const interrupter = yield* Effect.forkChild(Fiber.interrupt(writer), { startImmediately: true })
      yield* release
      yield* Fiber.join(interrupter)
      assert.strictEqual(valueOf(yield* get("k")), "2")
    }).pipe(Effect.provide(cache)),
  )

  it.effect("keeps its own copy of what was written and read", () =>
    Effect.gen(function* () {
      const { get, put } = yield* Cache
      const mine = text("abc")
      yield* put("k", mine)
      mine.fill(0)
      assert.strictEqual(valueOf(yield* get("k")), "abc")
    }).pipe(Effect.provide(cache)),
  )

  it.effect("forgets a removed key at once", () =>
    Effect.gen(function* () {
      const { get, put, remove } = yield* Cache
      yield* put("k", text("v"))
      assert.isTrue(yield* remove("k"))
      assert.strictEqual((yield* get("k")).entry.value, undefined)
      assert.isFalse(yield* remove("k"))
    }).pipe(Effect.provide(cache)),
  )

  it.effect("leaves the conditions to the store, whatever L1 holds", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos
      const { get, put } = yield* Cache
      const { etag } = yield* put("k", text("1"))
      yield* chaos.foreign.write("k", text("foreign"))
      const refused = yield* Effect.flip(put("k", text("2"), { condition: Condition.ifTag(etag) }))
      assert.strictEqual(refused._tag, "ConditionFailed")
      assert.strictEqual(valueOf(yield* get("k")), "foreign")
    }).pipe(Effect.provide(cache)),
  )

  it.effect("keeps the expiry in the store when told to, and then expires with it", () =>
    Effect.gen(function* () {
      const { get, put } = yield* Cache
      yield* put("k", text("1"), { expiry: after(10_000) })
      yield* TestClock.adjust(4_000)
      const { ttlMillis } = yield* put("k", text("2"), { expiry: keep })
      assert.strictEqual(ttlMillis, 6_000)
      yield* TestClock.adjust(6_000)
      assert.strictEqual((yield* get("k")).entry.value, undefined)
    }).pipe(Effect.provide(cache)),
  )

  it.effect(
    "serves a stale copy while the store is down, within the grace, and nothing it knows to be wrong",
    () =>
      Effect.gen(function* () {
        const chaos = yield* Chaos
        const { get, invalidate, put } = yield* Cache
        yield* put("old", text("v"))
        yield* put("gone", text("v"))
        yield* TestClock.adjust(6 * MINUTE)
        yield* invalidate(["gone"])
        yield* chaos.down
        assert.deepStrictEqual([valueOf(yield* get("old")), via(yield* get("old"))], ["v", "Stale"])
        assert.strictEqual((yield* Effect.flip(get("gone")))._tag, "StoreUnavailable")
        yield* TestClock.adjust(60 * MINUTE)
        assert.strictEqual((yield* Effect.flip(get("old")))._tag, "StoreUnavailable")
      }).pipe(Effect.provide(cache)),
  )

  it.effect("says what is wrong with a key rather than serving the stale copy of it", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos
      const { get, put } = yield* Cache
      yield* put("k", text("v"))
      yield* TestClock.adjust(6 * MINUTE)
      yield* chaos.retype("k")
      assert.strictEqual((yield* Effect.flip(get("k")))._tag, "WrongType")
    }).pipe(Effect.provide(cache)),
  )

  it.effect("does not serve what is being removed", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos
      const { get, put, remove } = yield* Cache
      yield* put("k", text("v"))
      const release = yield* chaos.holdWrites
      const remover = yield* Effect.forkChild(remove("k"), { startImmediately: true })
      assert.strictEqual(via(yield* get("k")), "uri-miss")
      yield* release
      yield* Fiber.join(remover)
    }).pipe(Effect.provide(cache)),
  )

  it.effect("answers everybody who waits, also when one of them ends another", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos
      const { get, getMany } = yield* Cache
      const release = yield* chaos.holdReads
      const fork = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })
      yield* fork(get("k1"))
      const race = yield* fork(Effect.raceFirst(getMany(["k1", "k2"]), get("k1")))
      const others = [yield* fork(get("k1")), yield* fork(get("k1"))]
      yield* release
      yield* Fiber.join(race)
      for (const other of others) assert.strictEqual((yield* Fiber.join(other)).entry.value, undefined)
    }).pipe(Effect.provide(cache)),
  )

  it.effect("forgets the key when a write fails", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos
      const { get, put } = yield* Cache
      yield* put("k", text("1"))
      yield* chaos.down
      assert.strictEqual((yield* Effect.flip(put("k", text("2"))))._tag, "StoreUnavailable")
      yield* chaos.up
      assert.deepStrictEqual([valueOf(yield* get("k")), chaos.asked().reads], ["1", 1])
    }).pipe(Effect.provide(cache)),
  )

  it.effect("fetches all that L1 lacks in one round trip, in the order of the keys", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos
      const { get, getMany } = yield* Cache
      yield* chaos.foreign.write("a", text("1"))
      yield* chaos.foreign.write("b", text("2"))
      yield* get("a")
      const readings = yield* getMany(["b", "a", "none", "b"])
      assert.deepStrictEqual(
        readings.map((reading) => Result.getOrThrow(Result.map(reading, valueOf))),
        ["2", "1", undefined, "2"],
      )
      assert.deepStrictEqual(chaos.batches(), [2])
      assert.deepStrictEqual(yield* getMany([]), [])
    }).pipe(Effect.provide(cache)),
  )

  it.effect("joins a batch to reads in flight and reads to a batch in flight", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos
      const { get, getMany } = yield* Cache
      yield* chaos.foreign.write("a", text("1"))
      yield* chaos.foreign.write("b", text("2"))
      const release = yield* chaos.holdReads
      const one = yield* Effect.forkChild(get("a"), { startImmediately: true })
      const many = yield* Effect.forkChild(getMany(["a", "b", "c"]), { startImmediately: true })
      const other = yield* Effect.forkChild(get("b"), { startImmediately: true })
      yield* release
      assert.strictEqual(valueOf(yield* Fiber.join(one)), "1")
      assert.strictEqual((yield* Fiber.join(many)).length, 3)
      assert.strictEqual(valueOf(yield* Fiber.join(other)), "2")
      assert.deepStrictEqual([chaos.asked().reads, chaos.batches()], [1, [2]])
    }).pipe(Effect.provide(cache)),
  )

  it.effect("forgets all of L1 and nothing of the store", () =>
    Effect.gen(function* () {
      const { get, invalidateAll, put, stats } = yield* Cache
      yield* put("a", text("1"))
      yield* put("b", text("2"))
      assert.strictEqual(yield* invalidateAll, 2)
      const { entries, epoch } = yield* stats
      assert.deepStrictEqual({ entries, epoch }, { entries: 0, epoch: 1 })
      assert.strictEqual(valueOf(yield* get("a")), "1")
    }).pipe(Effect.provide(cache)),
  )

  it.effect("takes a snapshot that stays as it is while writes go on", () =>
    Effect.gen(function* () {
      const { put, snapshot } = yield* Cache
      yield* put("a", text("1"))
      const taken = yield* snapshot
      yield* put("a", text("2"))
      yield* put("b", text("3"))
      const values = [...taken.entries].map((entry) => (entry.value !== undefined ? String(entry.value) : ""))
      assert.deepStrictEqual([values, taken.size], [["1"], 1])
    }).pipe(Effect.provide(cache)),
  )
})
