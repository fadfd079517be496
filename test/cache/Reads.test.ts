/** Reads that ask for more, or for less, than what is fresh. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { TestClock } from "effect/testing"
import * as Follow from "../../src/background/Follow.ts"
import { Cache, layer, type ReadOptions } from "../../src/cache/Cache.ts"
import { L1 } from "../../src/cache/L1.ts"
import type { Freshness } from "../../src/core/Freshness.ts"
import { Control, layer as tracked } from "../../src/store/TrackerMemory.ts"
import * as ChaosStore from "./ChaosStore.ts"

const { Chaos, text } = ChaosStore

const SECOND = 1_000
const lifetime = {
  ttlMillis: 300 * SECOND,
  graceMillis: 3_600 * SECOND,
  negativeTtlMillis: 5 * SECOND,
  jitter: 0,
}

const bounds = { maxEntries: 10, maxBytes: 10_000_000 }
const cache = layer({ bounds, lifetime }).pipe(Layer.provideMerge(ChaosStore.layer))
const followed = Follow.layer({ untrackedTtlMillis: SECOND }).pipe(
  Layer.provideMerge(cache),
  Layer.provideMerge(tracked),
)

/** The value and how it was come by, or the error. */
const read = (freshness?: Freshness, key = "k") =>
  Effect.gen(function* () {
    const { get } = yield* Cache
    const options: ReadOptions = freshness === undefined ? {} : { freshness }
    const result = yield* Effect.result(get(key, options))
    if (Result.isFailure(result)) return result.failure._tag
    const { entry, via } = result.success
    const how =
      via._tag === "Hit"
        ? "hit"
        : via._tag === "Stale"
          ? `stale ${via.because}`
          : `${via.because}${via.stored ? " stored" : ""}${via.collapsed ? " collapsed" : ""}`
    return `${String(entry.value)} ${how}`
  })

const write = (value: string, key = "k") =>
  Effect.flatMap(Chaos, ({ foreign }) => Effect.orDie(foreign.write(key, text(value))))

describe("a read without the cache", () => {
  it.effect("no-cache asks the store and refreshes L1", () =>
    Effect.gen(function* () {
      yield* write("1")
      yield* read()
      yield* write("2")
      assert.deepStrictEqual(
        [yield* read(), yield* read({ noCache: true }), yield* read()],
        ["1 hit", "2 request stored", "2 hit"],
      )
    }).pipe(Effect.provide(cache)),
  )

  it.effect("no-cache fails when the store does, however fresh the copy is", () =>
    Effect.gen(function* () {
      const { down } = yield* Chaos
      yield* write("1")
      yield* read()
      yield* down
      assert.deepStrictEqual(
        [
          yield* read({ noCache: true }),
          yield* read({ noCache: true, staleIfErrorMillis: 60 * SECOND }),
          yield* read({ noStore: true }),
          yield* read(),
        ],
        ["StoreUnavailable", "StoreUnavailable", "StoreUnavailable", "1 hit"],
      )
    }).pipe(Effect.provide(cache)),
  )

  it.effect("no-store asks the store and leaves L1 as it is: the very same state", () =>
    Effect.gen(function* () {
      const { current } = yield* L1
      yield* write("1")
      yield* read()
      yield* write("2")
      const before = current()
      assert.strictEqual(yield* read({ noStore: true }), "2 request")
      assert.strictEqual(yield* read({ noStore: true }, "other"), "undefined uri-miss")
      assert.strictEqual(current(), before)
      assert.strictEqual(yield* read(), "1 hit")
    }).pipe(Effect.provide(cache)),
  )

  it.effect("no-cache never joins a question that was sent before it", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos
      yield* write("old")
      // A store that answered the first question already, with an answer that is still on its way.
      const release = yield* chaos.holdReads
      const first = yield* Effect.forkChild(read(), { startImmediately: true })
      const joined = yield* Effect.forkChild(read(), { startImmediately: true })
      const anew = yield* Effect.forkChild(read({ noCache: true }), { startImmediately: true })
      const after = yield* Effect.forkChild(read(), { startImmediately: true })
      assert.strictEqual(chaos.asked().reads, 2)
      yield* release
      assert.deepStrictEqual(
        [
          yield* Fiber.join(first),
          yield* Fiber.join(joined),
          yield* Fiber.join(anew),
          yield* Fiber.join(after),
        ],
        ["old uri-miss", "old uri-miss collapsed", "old uri-miss stored", "old uri-miss stored collapsed"],
      )
    }).pipe(Effect.provide(cache)),
  )

  it.effect("max-age joins a question that is young enough and no other", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos
      yield* write("1")
      const release = yield* chaos.holdReads
      yield* Effect.forkChild(read(), { startImmediately: true })
      yield* TestClock.adjust(3 * SECOND)
      const young = yield* Effect.forkChild(read({ maxAgeMillis: 3 * SECOND }), { startImmediately: true })
      const old = yield* Effect.forkChild(read({ maxAgeMillis: 2 * SECOND }), { startImmediately: true })
      yield* release
      assert.strictEqual(yield* Fiber.join(young), "1 uri-miss stored collapsed")
      assert.strictEqual(yield* Fiber.join(old), "1 uri-miss stored")
      assert.strictEqual(chaos.asked().reads, 2)
    }).pipe(Effect.provide(cache)),
  )
})

describe("a read with limits", () => {
  it.effect("max-age and min-fresh take what is young and fresh enough, to the millisecond", () =>
    Effect.gen(function* () {
      yield* write("1")
      yield* read()
      yield* TestClock.adjust(10 * SECOND)
      assert.strictEqual(yield* read({ maxAgeMillis: 10 * SECOND }), "1 hit")
      assert.strictEqual(yield* read({ minFreshMillis: 290 * SECOND }), "1 hit")
      assert.strictEqual(yield* read({ minFreshMillis: 290 * SECOND + 1 }), "1 request stored")
      yield* TestClock.adjust(10 * SECOND)
      assert.strictEqual(yield* read({ maxAgeMillis: 10 * SECOND - 1 }), "1 request stored")
    }).pipe(Effect.provide(cache)),
  )

  it.effect("max-stale takes a stale copy without asking; nobody else does", () =>
    Effect.gen(function* () {
      const { asked } = yield* Chaos
      yield* write("1")
      yield* read()
      yield* TestClock.adjust(312 * SECOND)
      assert.strictEqual(yield* read({ maxStaleMillis: 12 * SECOND }), "1 stale max-stale")
      assert.strictEqual(yield* read({ maxStaleMillis: Infinity }), "1 stale max-stale")
      assert.strictEqual(asked().reads, 1)
      assert.strictEqual(yield* read({ maxStaleMillis: 12 * SECOND - 1 }), "1 stale stored")
    }).pipe(Effect.provide(cache)),
  )

  it.effect("only-if-cached never asks", () =>
    Effect.gen(function* () {
      const { asked } = yield* Chaos
      yield* write("1")
      assert.strictEqual(yield* read({ onlyIfCached: true }), "NotCached")
      yield* read()
      assert.strictEqual(yield* read({ onlyIfCached: true }), "1 hit")
      yield* TestClock.adjust(300 * SECOND)
      assert.strictEqual(yield* read({ onlyIfCached: true }), "NotCached")
      assert.strictEqual(yield* read({ onlyIfCached: true, maxStaleMillis: Infinity }), "1 stale max-stale")
      assert.strictEqual(asked().reads, 1)
    }).pipe(Effect.provide(cache)),
  )

  it.effect("stale-if-error bounds what is served when the store fails", () =>
    Effect.gen(function* () {
      const { down } = yield* Chaos
      yield* write("1")
      yield* read()
      yield* TestClock.adjust(320 * SECOND)
      yield* down
      assert.deepStrictEqual(
        [
          yield* read(),
          yield* read({ staleIfErrorMillis: 20 * SECOND }),
          yield* read({ staleIfErrorMillis: 19 * SECOND }),
          yield* read({ staleIfErrorMillis: 0 }),
          yield* read({ maxAgeMillis: 10 * SECOND }),
          yield* read({ maxAgeMillis: 10 * SECOND, staleIfErrorMillis: 60 * SECOND }),
        ],
        [
          "1 stale store-unavailable",
          "1 stale store-unavailable",
          "StoreUnavailable",
          "StoreUnavailable",
          "StoreUnavailable",
          "1 stale store-unavailable",
        ],
      )
    }).pipe(Effect.provide(cache)),
  )
})

describe("a suspect copy", () => {
  it.effect("is stale since it was confirmed: only max-stale and a failing store bring it out", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos
      const { emit } = yield* Control
      yield* write("1")
      yield* read()
      yield* TestClock.adjust(10 * SECOND)
      emit({ _tag: "Lost", reason: "told to" })
      assert.deepStrictEqual(
        [
          yield* read({ maxStaleMillis: 10 * SECOND }),
          yield* read({ onlyIfCached: true, maxStaleMillis: Infinity }),
          yield* read({ onlyIfCached: true }),
          yield* read({ onlyIfCached: true, maxAgeMillis: 60 * SECOND }),
          yield* read({ minFreshMillis: 0 }),
          yield* read({ maxStaleMillis: 10 * SECOND - 1 }),
        ],
        ["1 stale max-stale", "1 stale max-stale", "NotCached", "NotCached", "1 stale", "1 stale"],
      )
      yield* chaos.down
      assert.strictEqual(yield* read({ staleIfErrorMillis: 10 * SECOND }), "1 stale store-unavailable")
      assert.strictEqual(yield* read({ staleIfErrorMillis: 9 * SECOND }), "StoreUnavailable")
    }).pipe(Effect.provide(followed)),
  )

  it.effect("is what a copy becomes after its second while the server refuses tracking", () =>
    Effect.gen(function* () {
      const { emit } = yield* Control
      emit({ _tag: "Unsupported", reason: "told to" })
      yield* write("1")
      yield* read()
      yield* TestClock.adjust(SECOND - 1)
      assert.strictEqual(yield* read({ minFreshMillis: 1 }), "1 hit")
      assert.strictEqual(yield* read({ minFreshMillis: 2 }), "1 request stored")
      yield* TestClock.adjust(3 * SECOND)
      assert.strictEqual(yield* read({ maxStaleMillis: 2 * SECOND }), "1 stale max-stale")
      assert.strictEqual(yield* read({ maxStaleMillis: 2 * SECOND - 1 }), "1 stale stored")
    }).pipe(Effect.provide(followed)),
  )
})
