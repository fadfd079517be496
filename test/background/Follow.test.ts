import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import * as Backup from "../../src/background/Backup.ts"
import * as Follow from "../../src/background/Follow.ts"
import * as Cache from "../../src/cache/Cache.ts"
import { after } from "../../src/store/Store.ts"
import { Tracker } from "../../src/store/Tracker.ts"
import * as TrackerMemory from "../../src/store/TrackerMemory.ts"
import * as ChaosStore from "../cache/ChaosStore.ts"

const { Chaos, text } = ChaosStore

const lifetime = { ttlMillis: 300_000, graceMillis: 3_600_000, negativeTtlMillis: 5_000, jitter: 0 }
const UNTRACKED_TTL_MILLIS = 1_000

/** What happens while the next fence is waited for. */
const fenced: Array<Effect.Effect<unknown>> = []

const tracker = Layer.effect(
  Tracker,
  Effect.map(Tracker, (memory) => ({
    ...memory,
    fence: Effect.andThen(
      Effect.suspend(() => fenced.pop() ?? Effect.void),
      memory.fence,
    ),
  })),
).pipe(Layer.provideMerge(TrackerMemory.layer))

const unfollowed = Cache.layer({ bounds: { maxEntries: 1_000, maxBytes: 10_000_000 }, lifetime }).pipe(
  Layer.provideMerge(ChaosStore.layer),
  Layer.provideMerge(tracker),
)

const program = Layer.mergeAll(
  Follow.layer({ untrackedTtlMillis: UNTRACKED_TTL_MILLIS }),
  Backup.layer({ every: "1 hour", lifetime }),
).pipe(Layer.provideMerge(unfollowed))

const read = Effect.fnUntraced(function* (key: string) {
  const { get } = yield* Cache.Cache
  const { entry, via } = yield* get(key)
  return [String(entry.value ?? "absent"), via._tag]
})

describe("Follow", () => {
  it.effect("forgets a key in the moment in which somebody else writes it", () =>
    Effect.gen(function* () {
      const { foreign } = yield* Chaos
      const { emit } = yield* TrackerMemory.Control
      const { peek, put } = yield* Cache.Cache
      yield* put("a", text("1"))
      yield* put("b", text("1"))
      yield* foreign.write("a", text("2"))
      assert.isDefined(peek("a"))
      emit({ _tag: "Invalidated", keys: ["a"] })
      assert.isUndefined(peek("a"))
      assert.deepStrictEqual(yield* read("a"), ["2", "Forwarded"])
      assert.deepStrictEqual(yield* read("b"), ["1", "Hit"])
    }).pipe(Effect.provide(program)),
  )

  it.effect("forgets an absence too", () =>
    Effect.gen(function* () {
      const { foreign } = yield* Chaos
      const { emit } = yield* TrackerMemory.Control
      assert.deepStrictEqual(yield* read("k"), ["absent", "Forwarded"])
      yield* foreign.write("k", text("1"))
      emit({ _tag: "Invalidated", keys: ["k"] })
      assert.deepStrictEqual(yield* read("k"), ["1", "Forwarded"])
    }).pipe(Effect.provide(program)),
  )

  it.effect("does not let an answer in that an invalidation has overtaken", () =>
    Effect.gen(function* () {
      const { foreign, holdReads } = yield* Chaos
      const { emit } = yield* TrackerMemory.Control
      yield* foreign.write("k", text("old"))
      const release = yield* holdReads
      const reader = yield* Effect.forkChild(read("k"), { startImmediately: true })
      yield* foreign.write("k", text("new"))
      emit({ _tag: "Invalidated", keys: ["k"] })
      yield* release
      assert.deepStrictEqual(yield* Fiber.join(reader), ["old", "Forwarded"])
      assert.deepStrictEqual(yield* read("k"), ["new", "Forwarded"])
    }).pipe(Effect.provide(program)),
  )

  it.effect("forgets everything when everything was removed, what is being fetched included", () =>
    Effect.gen(function* () {
      const { foreign, holdReads } = yield* Chaos
      const { emit } = yield* TrackerMemory.Control
      const { put, stats } = yield* Cache.Cache
      yield* put("held", text("1"))
      yield* foreign.write("coming", text("1"))
      const release = yield* holdReads
      const reader = yield* Effect.forkChild(read("coming"), { startImmediately: true })
      yield* foreign.remove("held")
      yield* foreign.remove("coming")
      emit({ _tag: "Flushed" })
      assert.strictEqual((yield* stats).entries, 0)
      yield* release
      yield* Fiber.join(reader)
      assert.deepStrictEqual(yield* read("coming"), ["absent", "Forwarded"])
    }).pipe(Effect.provide(program)),
  )

  it.effect("asks the store for everything while the tracker is lost, and keeps nothing of it", () =>
    Effect.gen(function* () {
      const { foreign } = yield* Chaos
      const { emit } = yield* TrackerMemory.Control
      const { put, stats } = yield* Cache.Cache
      yield* put("k", text("1"))
      emit({ _tag: "Lost", reason: "connection closed" })
      yield* foreign.write("k", text("2"))
      assert.deepStrictEqual(yield* read("k"), ["2", "Forwarded"])
      yield* foreign.write("k", text("3"))
      assert.deepStrictEqual(yield* read("k"), ["3", "Forwarded"])
      const { epoch, fillsDropped } = yield* stats
      assert.isTrue(epoch > 0)
      assert.strictEqual(fillsDropped, 2)
    }).pipe(Effect.provide(program)),
  )

  it.effect(
    "serves a suspect copy only when the store does not answer either, and never a contradicted one",
    () =>
      Effect.gen(function* () {
        const { down, foreign, up } = yield* Chaos
        const { emit } = yield* TrackerMemory.Control
        const { put } = yield* Cache.Cache
        yield* put("suspect", text("1"))
        yield* put("wrong", text("1"))
        emit({ _tag: "Lost", reason: "connection closed" })
        yield* foreign.write("wrong", text("2"))
        yield* read("wrong")
        yield* down
        assert.deepStrictEqual(yield* read("suspect"), ["1", "Stale"])
        assert.strictEqual((yield* Effect.flip(read("wrong")))._tag, "StoreUnavailable")
        yield* up
      }).pipe(Effect.provide(program)),
  )

  it.effect("trusts nothing that was fetched before the tracker became live again", () =>
    Effect.gen(function* () {
      const { foreign, holdReads } = yield* Chaos
      const { emit } = yield* TrackerMemory.Control
      const { put } = yield* Cache.Cache
      yield* put("k", text("1"))
      yield* foreign.write("other", text("1"))
      emit({ _tag: "Lost", reason: "connection closed" })
      yield* TestClock.adjust(10)
      const release = yield* holdReads
      const reader = yield* Effect.forkChild(read("other"), { startImmediately: true })
      yield* foreign.write("k", text("2"))
      yield* foreign.write("other", text("2"))
      emit({ _tag: "Live" })
      yield* release
      assert.deepStrictEqual(yield* Fiber.join(reader), ["1", "Forwarded"])
      assert.deepStrictEqual(yield* read("other"), ["2", "Forwarded"])
      assert.deepStrictEqual(yield* read("k"), ["2", "Forwarded"])
      assert.deepStrictEqual(yield* read("k"), ["2", "Hit"])
    }).pipe(Effect.provide(program)),
  )

  it.effect("has a backup confirm what is suspect, so that it need not be fetched again", () =>
    Effect.gen(function* () {
      const { emit } = yield* TrackerMemory.Control
      const { put } = yield* Cache.Cache
      const { run } = yield* Backup.Backup
      yield* put("k", text("1"))
      emit({ _tag: "Lost", reason: "connection closed" })
      yield* TestClock.adjust(10)
      assert.strictEqual((yield* run).stopped, "not-live")
      emit({ _tag: "Live" })
      const { alarms, changed, stopped } = yield* run
      assert.deepStrictEqual({ alarms, changed, stopped }, { alarms: 0, changed: 0, stopped: "complete" })
      assert.deepStrictEqual(yield* read("k"), ["1", "Hit"])
    }).pipe(Effect.provide(program)),
  )

  it.effect("trusts nothing that a backup confirmed before a loss in which a write was missed", () =>
    Effect.gen(function* () {
      const { foreign, holdReads } = yield* Chaos
      const { emit } = yield* TrackerMemory.Control
      const { put } = yield* Cache.Cache
      const { run } = yield* Backup.Backup
      yield* put("k", text("1"))
      emit({ _tag: "Lost", reason: "connection closed" })
      yield* TestClock.adjust(10)
      emit({ _tag: "Live" })
      yield* TestClock.adjust(10)
      const release = yield* holdReads
      const round = yield* Effect.forkChild(run, { startImmediately: true })
      yield* ChaosStore.untilAsked
      emit({ _tag: "Lost", reason: "connection closed" })
      yield* foreign.write("k", text("2"))
      yield* TestClock.adjust(10)
      emit({ _tag: "Live" })
      yield* release
      const { alarms, changed } = yield* Fiber.join(round)
      assert.deepStrictEqual({ alarms, changed }, { alarms: 0, changed: 0 })
      assert.deepStrictEqual(yield* read("k"), ["2", "Forwarded"])
    }).pipe(Effect.provide(program)),
  )

  it.effect("has a backup confirm for another short time what nobody tells of", () =>
    Effect.gen(function* () {
      const { foreign } = yield* Chaos
      const { emit } = yield* TrackerMemory.Control
      const { put } = yield* Cache.Cache
      const { run } = yield* Backup.Backup
      emit({ _tag: "Unsupported", reason: "NOPERM" })
      yield* put("k", text("1"))
      yield* TestClock.adjust(5 * UNTRACKED_TTL_MILLIS)
      const { alarms, changed } = yield* run
      assert.deepStrictEqual({ alarms, changed }, { alarms: 0, changed: 0 })
      yield* foreign.write("k", text("2"))
      yield* TestClock.adjust(UNTRACKED_TTL_MILLIS - 1)
      assert.deepStrictEqual(yield* read("k"), ["1", "Hit"])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* read("k"), ["2", "Forwarded"])
    }).pipe(Effect.provide(program)),
  )

  it.effect("has no alarm for a write that is heard of with the fence", () =>
    Effect.gen(function* () {
      const { foreign } = yield* Chaos
      const { emit } = yield* TrackerMemory.Control
      const { put } = yield* Cache.Cache
      const { run } = yield* Backup.Backup
      for (const key of ["heard", "unheard"]) {
        yield* put(key, text("1"))
        yield* foreign.write(key, text("2"))
      }
      fenced.push(Effect.sync(() => emit({ _tag: "Invalidated", keys: ["heard"] })))
      const { alarms, changed } = yield* run
      assert.deepStrictEqual({ alarms, changed }, { alarms: 1, changed: 1 })
    }).pipe(Effect.provide(program)),
  )

  it.effect("leaves no key behind of a backup that ends while it waits for the fence", () =>
    Effect.gen(function* () {
      const { foreign } = yield* Chaos
      const { put, stats } = yield* Cache.Cache
      const { run } = yield* Backup.Backup
      yield* put("k", text("1"))
      yield* foreign.write("k", text("2"))
      const reached = yield* Deferred.make<void>()
      fenced.push(Effect.andThen(Deferred.succeed(reached, undefined), Effect.never))
      const round = yield* Effect.forkChild(run, { startImmediately: true })
      yield* Deferred.await(reached)
      assert.strictEqual((yield* stats).filling, 1)
      yield* Fiber.interrupt(round)
      assert.strictEqual((yield* stats).filling, 0)
      assert.strictEqual((yield* run).changed, 1)
    }).pipe(Effect.provide(program)),
  )

  it.effect("has a backup raise an alarm for a difference that no write explains, and repair it", () =>
    Effect.gen(function* () {
      const { foreign } = yield* Chaos
      const { put } = yield* Cache.Cache
      const { run, totals } = yield* Backup.Backup
      for (const key of ["changed", "removed", "same", "ends"]) yield* put(key, text("1"))
      yield* foreign.write("changed", text("2"))
      yield* foreign.remove("removed")
      // The same value for another time.
      yield* foreign.write("ends", text("1"), { expiry: after(60_000) })
      const { alarms, changed, removed } = yield* run
      assert.deepStrictEqual({ alarms, changed, removed }, { alarms: 3, changed: 2, removed: 1 })
      assert.strictEqual((yield* totals).alarms, 3)
      assert.deepStrictEqual(yield* read("changed"), ["2", "Hit"])
    }).pipe(Effect.provide(program)),
  )

  it.effect("has no alarm for a write whose invalidation comes before the fence", () =>
    Effect.gen(function* () {
      const { foreign, holdReads } = yield* Chaos
      const { emit } = yield* TrackerMemory.Control
      const { put } = yield* Cache.Cache
      const { run } = yield* Backup.Backup
      yield* put("k", text("1"))
      yield* foreign.write("k", text("2"))
      const release = yield* holdReads
      const round = yield* Effect.forkChild(run, { startImmediately: true })
      yield* ChaosStore.untilAsked
      emit({ _tag: "Invalidated", keys: ["k"] })
      yield* release
      assert.strictEqual((yield* Fiber.join(round)).alarms, 0)
    }).pipe(Effect.provide(program)),
  )

  it.effect("keeps copies for a short time when the server refuses to tell", () =>
    Effect.gen(function* () {
      const { foreign } = yield* Chaos
      const { emit } = yield* TrackerMemory.Control
      const { put } = yield* Cache.Cache
      emit({ _tag: "Unsupported", reason: "NOPERM" })
      yield* put("k", text("1"))
      yield* foreign.write("k", text("2"))
      yield* TestClock.adjust(UNTRACKED_TTL_MILLIS - 1)
      assert.deepStrictEqual(yield* read("k"), ["1", "Hit"])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* read("k"), ["2", "Forwarded"])
      assert.deepStrictEqual(yield* read("k"), ["2", "Hit"])
    }).pipe(Effect.provide(program)),
  )

  it.effect("leaves an L1 that is not trusted when its scope ends, as nobody tells any more", () =>
    Effect.gen(function* () {
      const { foreign } = yield* Chaos
      const { put } = yield* Cache.Cache
      const scope = yield* Scope.make()
      yield* Scope.provide(Layer.build(Follow.layer({ untrackedTtlMillis: UNTRACKED_TTL_MILLIS })), scope)
      yield* put("k", text("1"))
      assert.deepStrictEqual(yield* read("k"), ["1", "Hit"])
      yield* Scope.close(scope, Exit.void)
      yield* foreign.write("k", text("2"))
      assert.deepStrictEqual(yield* read("k"), ["2", "Forwarded"])
    }).pipe(Effect.provide(unfollowed)),
  )
})
