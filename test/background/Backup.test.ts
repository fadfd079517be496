import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { TestClock } from "effect/testing"
import * as Backup from "../../src/background/Backup.ts"
import * as Sweep from "../../src/background/Sweep.ts"
import * as Cache from "../../src/cache/Cache.ts"
import { after } from "../../src/store/Store.ts"
import * as TrackerNone from "../../src/store/TrackerNone.ts"
import * as ChaosStore from "../cache/ChaosStore.ts"

const { Chaos, text } = ChaosStore

/** Ends between two rounds of a backup every minute. */
const TTL_MILLIS = 290_000

const lifetime = { ttlMillis: TTL_MILLIS, graceMillis: 0, negativeTtlMillis: 5_000, jitter: 0 }

const program = (bounds = { maxEntries: 10_000, maxBytes: 100_000_000 }) =>
  Layer.mergeAll(Backup.layer({ every: "1 minute", lifetime }), Sweep.layer).pipe(
    Layer.provideMerge(Cache.layer({ bounds, lifetime })),
    Layer.provideMerge(ChaosStore.layer),
    Layer.provideMerge(TrackerNone.layer),
  )

const held = Effect.fnUntraced(function* (key: string) {
  const { peek } = yield* Cache.Cache
  const reading = peek(key)
  return reading === undefined ? undefined : String(reading.entry.value ?? "absent")
})

const counted = ({ added, changed, checked, removed, stopped }: Backup.Report) => ({
  added,
  changed,
  checked,
  removed,
  stopped,
})

describe("Backup", () => {
  it.effect("brings what was changed, removed and added in the store into L1", () =>
    Effect.gen(function* () {
      const { foreign } = yield* Chaos
      const { put } = yield* Cache.Cache
      const { run } = yield* Backup.Backup
      for (const key of ["same", "changed", "removed"]) yield* put(key, text("1"))
      yield* foreign.write("changed", text("2"))
      yield* foreign.remove("removed")
      yield* foreign.write("new", text("3"))
      assert.deepStrictEqual(counted(yield* run), {
        checked: 3,
        changed: 1,
        removed: 1,
        added: 1,
        stopped: "complete",
      })
      assert.deepStrictEqual(
        [yield* held("same"), yield* held("changed"), yield* held("removed"), yield* held("new")],
        ["1", "2", undefined, "3"],
      )
      assert.deepStrictEqual(counted(yield* run), {
        checked: 3,
        changed: 0,
        removed: 0,
        added: 0,
        stopped: "complete",
      })
    }).pipe(Effect.provide(program())),
  )

  it.effect("finds a key that an absence was remembered for", () =>
    Effect.gen(function* () {
      const { foreign } = yield* Chaos
      const { get } = yield* Cache.Cache
      const { run } = yield* Backup.Backup
      yield* get("k")
      yield* foreign.write("k", text("1"))
      assert.strictEqual((yield* run).added, 1)
      assert.strictEqual(yield* held("k"), "1")
    }).pipe(Effect.provide(program())),
  )

  it.effect("finds an expiry that somebody changed", () =>
    Effect.gen(function* () {
      const { foreign } = yield* Chaos
      const { put } = yield* Cache.Cache
      const { run } = yield* Backup.Backup
      yield* put("k", text("1"), { expiry: after(100_000) })
      yield* foreign.write("k", text("1"), { expiry: after(2_000) })
      assert.strictEqual((yield* run).changed, 1)
      yield* TestClock.adjust(2_000)
      assert.strictEqual(yield* held("k"), undefined)
    }).pipe(Effect.provide(program())),
  )

  it.effect("drops what holds no value any more", () =>
    Effect.gen(function* () {
      const { retype } = yield* Chaos
      const { put } = yield* Cache.Cache
      const { run } = yield* Backup.Backup
      yield* put("k", text("1"))
      yield* retype("k")
      const { changed, removed } = yield* run
      assert.deepStrictEqual({ changed, removed }, { changed: 0, removed: 1 })
      assert.strictEqual(yield* held("k"), undefined)
    }).pipe(Effect.provide(program())),
  )

  it.effect("does not keep an entry longer for having looked at it", () =>
    Effect.gen(function* () {
      const { put } = yield* Cache.Cache
      yield* put("k", text("1"))
      yield* TestClock.adjust(TTL_MILLIS - 1)
      assert.strictEqual(yield* held("k"), "1")
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* held("k"), undefined)
    }).pipe(Effect.provide(program())),
  )

  it.effect("compares in slices of at most 100 keys", () =>
    Effect.gen(function* () {
      const { batches } = yield* Chaos
      const { put } = yield* Cache.Cache
      const { run } = yield* Backup.Backup
      for (let index = 0; index < 1_234; index++) yield* put(`k${index}`, text("1"))
      assert.strictEqual((yield* run).checked, 1_234)
      assert.deepStrictEqual(
        batches().filter((size) => size > 0),
        [...Array.from({ length: 12 }, () => 100), 34],
      )
    }).pipe(Effect.provide(program())),
  )

  it.effect("compares in slices of few bytes when values are large", () =>
    Effect.gen(function* () {
      const { batches } = yield* Chaos
      const { put } = yield* Cache.Cache
      const { run } = yield* Backup.Backup
      for (let index = 0; index < 10; index++) yield* put(`k${index}`, new Uint8Array(500_000))
      yield* put("larger than a slice", new Uint8Array(3_000_000))
      const { checked } = yield* run
      assert.strictEqual(checked, 11)
      // Two of the small ones fit into a slice, in whatever order they are; the large one is a slice of its own.
      const sizes = batches().filter((size) => size > 0)
      assert.strictEqual(
        sizes.reduce((sum, size) => sum + size),
        11,
      )
      assert.isTrue(Math.max(...sizes) === 2 && sizes.length <= 7, String(sizes))
    }).pipe(Effect.provide(program())),
  )

  it.effect("leaves no key behind that it can not look at again after the store failed", () =>
    Effect.gen(function* () {
      const { down, foreign, up } = yield* Chaos
      const { put, stats } = yield* Cache.Cache
      const { run } = yield* Backup.Backup
      yield* put("k", text("1"))
      yield* foreign.write("k", text("2"))
      yield* down
      assert.strictEqual((yield* run).stopped, "store-unavailable")
      yield* up
      assert.strictEqual((yield* stats).filling, 0)
      assert.strictEqual((yield* run).changed, 1)
    }).pipe(Effect.provide(program())),
  )

  it.effect("evicts nothing for a value where an absence was remembered", () =>
    Effect.gen(function* () {
      const { foreign } = yield* Chaos
      const { get, put, stats } = yield* Cache.Cache
      const { run } = yield* Backup.Backup
      for (let index = 0; index < 9; index++) yield* put(`k${index}`, text("1"))
      yield* get("absent")
      yield* foreign.write("absent", text("x".repeat(90_000)))
      const { changed, stopped } = yield* run
      assert.deepStrictEqual({ changed, stopped }, { changed: 0, stopped: "compared" })
      assert.strictEqual((yield* stats).evicted, 0)
    }).pipe(Effect.provide(program({ maxEntries: 11, maxBytes: 20_000 }))),
  )

  it.effect("does not list a store that has more keys than L1 has room", () =>
    Effect.gen(function* () {
      const { asked, foreign } = yield* Chaos
      const { run } = yield* Backup.Backup
      for (let index = 0; index < 10; index++) yield* foreign.write(`k${index}`, text("1"))
      assert.strictEqual((yield* run).stopped, "compared")
      assert.strictEqual(asked().lists, 0)
    }).pipe(Effect.provide(program({ maxEntries: 10, maxBytes: 1_000_000 }))),
  )

  it.effect("evicts nothing for what it takes in", () =>
    Effect.gen(function* () {
      const { foreign } = yield* Chaos
      const { put, stats } = yield* Cache.Cache
      const { run } = yield* Backup.Backup
      yield* put("mine", text("1"))
      for (let index = 0; index < 10; index++) yield* foreign.write(`k${index}`, text("x".repeat(1_000)))
      const report = yield* run
      assert.strictEqual(report.stopped, "no-room")
      assert.isTrue(report.added > 0 && report.added < 10)
      assert.strictEqual((yield* stats).evicted, 0)
      assert.strictEqual(yield* held("mine"), "1")
    }).pipe(Effect.provide(program({ maxEntries: 100, maxBytes: 8_000 }))),
  )

  it.effect("does not repair with an answer that a write overtook", () =>
    Effect.gen(function* () {
      const { foreign, holdReads } = yield* Chaos
      const { put } = yield* Cache.Cache
      const { run } = yield* Backup.Backup
      yield* put("k", text("1"))
      yield* foreign.write("k", text("2"))
      const release = yield* holdReads
      const round = yield* Effect.forkChild(run, { startImmediately: true })
      yield* ChaosStore.untilAsked
      yield* put("k", text("3"))
      yield* release
      assert.strictEqual((yield* Fiber.join(round)).changed, 0)
      assert.strictEqual(yield* held("k"), "3")
    }).pipe(Effect.provide(program())),
  )

  it.effect("brings back nothing that left while the store confirmed it", () =>
    Effect.gen(function* () {
      const { foreign, holdReads } = yield* Chaos
      const { invalidate, put } = yield* Cache.Cache
      const { run } = yield* Backup.Backup
      yield* put("forgotten", text("1"))
      yield* put("dead", text("1"), { expiry: after(2_000) })
      const release = yield* holdReads
      const round = yield* Effect.forkChild(run, { startImmediately: true })
      yield* ChaosStore.untilAsked
      yield* foreign.remove("forgotten")
      yield* invalidate(["forgotten"])
      yield* TestClock.adjust(2_000)
      yield* release
      const { changed, checked, removed } = yield* Fiber.join(round)
      assert.deepStrictEqual({ changed, checked, removed }, { changed: 0, checked: 2, removed: 0 })
      assert.strictEqual(yield* held("forgotten"), undefined)
      assert.strictEqual(yield* held("dead"), undefined)
    }).pipe(Effect.provide(program())),
  )

  it.effect("gives way to readers and leaves them an answer", () =>
    Effect.gen(function* () {
      const { foreign, holdReads } = yield* Chaos
      const { get, put } = yield* Cache.Cache
      const { run } = yield* Backup.Backup
      yield* put("k", text("1"))
      yield* TestClock.adjust("30 seconds")
      yield* foreign.write("other", text("1"))
      const release = yield* holdReads
      const round = yield* Effect.forkChild(run, { startImmediately: true })
      const reader = yield* Effect.forkChild(get("other"), { startImmediately: true })
      yield* release
      assert.isDefined((yield* Fiber.join(reader)).entry.value)
      yield* Fiber.join(round)
    }).pipe(Effect.provide(program())),
  )

  it.effect("runs every minute for an hour", () =>
    Effect.gen(function* () {
      const { foreign } = yield* Chaos
      const { totals } = yield* Backup.Backup
      yield* foreign.write("k", text("1"))
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* held("k"), undefined)
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* held("k"), "1")
      yield* TestClock.adjust("59 minutes")
      assert.strictEqual((yield* totals).rounds, 60)
    }).pipe(Effect.provide(program())),
  )

  it.effect("outlives a store that fails, counts it and tries again", () =>
    Effect.gen(function* () {
      const { down, foreign, up } = yield* Chaos
      const { last, totals } = yield* Backup.Backup
      yield* foreign.write("k", text("1"))
      yield* down
      yield* TestClock.adjust("10 minutes")
      const { failed, rounds } = yield* totals
      assert.deepStrictEqual({ rounds, failed }, { rounds: 10, failed: 10 })
      assert.strictEqual(Option.getOrThrow(yield* last).stopped, "store-unavailable")
      yield* up
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* held("k"), "1")
    }).pipe(Effect.provide(program())),
  )

  it.effect("refuses a second round while one is under way", () =>
    Effect.gen(function* () {
      const { holdReads } = yield* Chaos
      const { put } = yield* Cache.Cache
      const { run } = yield* Backup.Backup
      yield* put("k", text("1"))
      const release = yield* holdReads
      const first = yield* Effect.forkChild(run, { startImmediately: true })
      assert.strictEqual((yield* Effect.flip(run))._tag, "BackupRunning")
      yield* release
      yield* Fiber.join(first)
      yield* run
    }).pipe(Effect.provide(program())),
  )
})

describe("Sweep", () => {
  it.effect("gives back the memory of the dead without anybody asking for them", () =>
    Effect.gen(function* () {
      const { put, stats } = yield* Cache.Cache
      for (let index = 0; index < 1_000; index++)
        yield* put(`k${index}`, text("1"), { expiry: after(10_000) })
      yield* put("stays", text("1"))
      yield* TestClock.adjust("12 seconds")
      const { entries, expired } = yield* stats
      assert.deepStrictEqual({ entries, expired }, { entries: 1, expired: 1_000 })
    }).pipe(Effect.provide(program())),
  )
})
