import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import * as Cache from "../../src/cache/Cache.ts"
import { L1 } from "../../src/cache/L1.ts"
import { layer, Listings } from "../../src/cache/Listings.ts"
import * as CacheState from "../../src/core/CacheState.ts"
import { RESERVED_PREFIX } from "../../src/core/Entry.ts"
import * as Cursor from "../../src/store/Cursor.ts"
import { after, type Page } from "../../src/store/Store.ts"
import * as StoreMemory from "../../src/store/StoreMemory.ts"
import { present } from "../core/entries.ts"

const MINUTE = 60_000

const lifetime = { ttlMillis: 5 * MINUTE, graceMillis: MINUTE, negativeTtlMillis: 5_000, jitter: 0 }
const bounds = { maxEntries: 20_000, maxBytes: 1e9 }

const listings = layer.pipe(
  Layer.provideMerge(Cache.layer({ bounds, lifetime })),
  Layer.provideMerge(StoreMemory.layer),
)

const put = Effect.fnUntraced(function* (key: string, text = "v", millis?: number) {
  const { put: write } = yield* Cache.Cache
  const options = millis === undefined ? {} : { expiry: after(millis) }
  yield* write(key, new TextEncoder().encode(text), options)
})

const page = Effect.fnUntraced(function* (
  cursor: Option.Option<string> = Option.none(),
  limit = 10,
  prefix = "",
) {
  const { page: read } = yield* Listings
  return yield* read({ prefix, limit, cursor })
})

/** What comes of asking. */
const outcome = (...asked: Parameters<typeof page>) =>
  Effect.match(page(...asked), { onSuccess: () => "a page", onFailure: ({ _tag }) => _tag })

const keysOf = ({ keys }: Page): ReadonlyArray<string> => keys.map(({ key }) => key)

/** The keys of the page at this cursor and of all after it; `between` runs before each of them. */
const rest = Effect.fnUntraced(function* <R>(
  first: Page,
  between: Effect.Effect<void, unknown, R>,
  limit = 10,
) {
  const found = [...keysOf(first)]
  let { cursor } = first
  while (Option.isSome(cursor)) {
    yield* between
    const next = yield* page(cursor, limit)
    assert.isTrue(next.keys.length <= limit)
    // A listing that does not come on would never end.
    assert.isTrue(found.length < 1_000)
    found.push(...keysOf(next))
    cursor = next.cursor
  }
  return found
})

const names = Array.from({ length: 100 }, (_, index) => `k${index}`)
const fill = Effect.forEach(names, (name) => put(name), { discard: true })

/** Puts many at once: no store, no fiber each. */
const hold = Effect.fnUntraced(function* (keys: ReadonlyArray<string>) {
  const l1 = yield* L1
  for (const key of keys) {
    const token = l1.modify((state) => CacheState.beginWrite(state, key))
    l1.modify((state) => CacheState.settleWrite(state, token, present(key, "v"), l1.now()))
  }
})

describe("Listings", () => {
  it.effect("lists every key of one instant once, and none of later, while L1 goes on", () =>
    Effect.gen(function* () {
      const { get, invalidate, invalidateAll, remove } = yield* Cache.Cache
      yield* fill
      const first = yield* page()
      let step = 0
      const goOn = Effect.gen(function* () {
        step++
        yield* put(`later${step}`)
        yield* put(`k${step * 7}`, "another value")
        yield* remove(`k${step * 7 + 1}`)
        yield* invalidate([`k${step * 7 + 2}`])
        yield* get(`k${step * 7 + 3}`)
        if (step === 5) yield* invalidateAll
        yield* TestClock.adjust(1_000)
      })
      assert.deepStrictEqual((yield* rest(first, goOn)).toSorted(), names.toSorted())
      assert.isTrue(step >= 9)
      assert.notInclude(keysOf(yield* page(Option.none(), 1_000)), "k8")
    }).pipe(Effect.provide(listings)),
  )

  it.effect("is one instant although writers do not wait for the pages", () =>
    Effect.gen(function* () {
      const { remove } = yield* Cache.Cache
      yield* fill
      const move = Effect.fnUntraced(function* (from: string, to: string) {
        yield* put(to)
        yield* Effect.yieldNow
        yield* remove(from)
        yield* Effect.yieldNow
      })
      const writer = yield* Effect.forkChild(
        Effect.forever(Effect.andThen(move("k0", "moved"), move("moved", "k0"))),
      )
      const { current } = yield* L1
      const seen = new Set<string>()
      for (let round = 0; round < 30; round++) {
        for (let turn = 0; turn < round % 7; turn++) yield* Effect.yieldNow
        const state = current()
        const first = yield* page(Option.none(), 7)
        // The writer may have had a turn in between.
        if (current() !== state) continue
        const held = ["moved", ...names].filter((name) => CacheState.peek(state, name, 0) !== undefined)
        assert.deepStrictEqual((yield* rest(first, Effect.yieldNow, 7)).toSorted(), held.toSorted())
        seen.add(held.slice(0, 2).join())
      }
      assert.isTrue(seen.size > 1)
      yield* Fiber.interrupt(writer)
    }).pipe(Effect.provide(listings)),
  )

  it.effect("gives the same page for the same cursor, whatever was written and however late", () =>
    Effect.gen(function* () {
      const { invalidateAll } = yield* Cache.Cache
      for (const name of names) yield* put(name, "value", 90_000)
      const { cursor } = yield* page()
      const second = yield* page(cursor)
      assert.deepStrictEqual(second.keys.length, 10)
      assert.deepInclude(second.keys[0], { size: 5, ttlMillis: 90_000 })
      yield* invalidateAll
      yield* put("later")
      yield* TestClock.adjust(40_000)
      assert.deepStrictEqual(yield* page(cursor), second)
      // The last one too, as its reply may have been lost.
      const last = yield* page(second.cursor, 1_000)
      assert.isTrue(Option.isNone(last.cursor))
      assert.deepStrictEqual(yield* page(second.cursor, 1_000), last)
    }).pipe(Effect.provide(listings)),
  )

  it.effect("lists values under the prefix, stale ones too; not the dead, absences, and our own keys", () =>
    Effect.gen(function* () {
      const { get } = yield* Cache.Cache
      yield* put("a:expiring", "123", 3 * MINUTE)
      yield* put("a:never", "")
      yield* put("b:other")
      yield* TestClock.adjust(3 * MINUTE)
      yield* put("a:young", "12", 10 * MINUTE)
      yield* put(`${RESERVED_PREFIX}canary`)
      yield* TestClock.adjust(2.5 * MINUTE)
      assert.strictEqual((yield* get("a:absent")).entry.value, undefined)
      const listed = yield* page(Option.none(), 10, "a:")
      assert.deepStrictEqual(
        listed.keys.toSorted((one, other) => one.size - other.size),
        [
          { key: "a:never", size: 0, ttlMillis: Infinity },
          { key: "a:young", size: 2, ttlMillis: 7.5 * MINUTE },
        ],
      )
      assert.deepStrictEqual(keysOf(yield* page()).toSorted(), ["a:never", "a:young", "b:other"])
    }).pipe(Effect.provide(listings)),
  )

  it.effect("looks at a part of L1 only, so a page may be empty before the last", () =>
    Effect.gen(function* () {
      yield* hold([...Array.from({ length: 12_000 }, (_, index) => `k${index}`), "wanted"])
      let { cursor, keys } = yield* page(Option.none(), 10, "wanted")
      const lengths = [keys.length]
      while (Option.isSome(cursor)) {
        ;({ cursor, keys } = yield* page(cursor, 10, "wanted"))
        lengths.push(keys.length)
      }
      assert.deepStrictEqual(
        lengths.filter((length) => length > 0),
        [1],
      )
      assert.isTrue(lengths.length > 3 && lengths.length < 100, `${lengths.length} pages`)
    }).pipe(Effect.provide(listings)),
  )

  it.effect("ends 60 seconds after the last page that was asked of it", () =>
    Effect.gen(function* () {
      yield* fill
      const { cursor } = yield* page()
      for (const limit of [10, 1_000, 10]) {
        yield* TestClock.adjust(MINUTE - 1)
        assert.strictEqual(yield* outcome(cursor, limit), "a page")
      }
      yield* TestClock.adjust(MINUTE)
      assert.strictEqual(yield* outcome(cursor), "CursorExpired")
      assert.strictEqual(yield* outcome(), "a page")
    }).pipe(Effect.provide(listings)),
  )

  it.effect("lets go of what it held although nobody comes back", () =>
    Effect.gen(function* () {
      const { held } = yield* Listings
      yield* fill
      yield* page()
      yield* TestClock.adjust(30_000)
      yield* page()
      assert.strictEqual(held(), 2)
      yield* TestClock.adjust(40_000)
      assert.strictEqual(held(), 1)
      yield* TestClock.adjust(30_000)
      assert.strictEqual(held(), 0)
    }).pipe(Effect.provide(listings)),
  )

  it.effect("holds nothing for a listing of one page", () =>
    Effect.gen(function* () {
      const { held } = yield* Listings
      yield* put("a")
      assert.deepStrictEqual(yield* page(), {
        keys: [{ key: "a", size: 1, ttlMillis: Infinity }],
        cursor: Option.none(),
        skipped: 0,
      })
      assert.strictEqual(held(), 0)
    }).pipe(Effect.provide(listings)),
  )

  it.effect("lets go of the listing that was unused longest when there are 16", () =>
    Effect.gen(function* () {
      const { held } = yield* Listings
      yield* fill
      const first = yield* page()
      const second = yield* page()
      for (let other = 0; other < 14; other++) yield* page()
      assert.strictEqual(yield* outcome(first.cursor), "a page")
      assert.strictEqual(held(), 16)
      yield* page()
      assert.strictEqual(held(), 16)
      assert.strictEqual(yield* outcome(second.cursor), "CursorExpired")
      assert.strictEqual(yield* outcome(first.cursor), "a page")
    }).pipe(Effect.provide(listings)),
  )

  it.effect("refuses a cursor of another prefix or source, and garbage", () =>
    Effect.gen(function* () {
      yield* fill
      const { cursor } = yield* page(Option.none(), 10, "k")
      const text = Option.getOrThrow(cursor)
      const [kind, prefix, place]: [string, string, ReadonlyArray<unknown>] = JSON.parse(
        Buffer.from(text, "base64url").toString(),
      )
      const forged = (...parts: ReadonlyArray<unknown>) =>
        Buffer.from(JSON.stringify([kind, prefix, parts])).toString("base64url")
      const [name] = place
      const refused = [
        "",
        "nonsense",
        text.slice(1),
        text.slice(0, -4),
        `${text}AAAA`,
        forged(name, -1, 0),
        forged(name, 0, 0.5),
        forged(name, 0),
        forged(1, 0, 0),
      ]
      for (const bad of refused) {
        assert.strictEqual(yield* outcome(Option.some(bad), 10, "k"), "BadCursor", bad)
      }
      assert.strictEqual(yield* outcome(cursor, 10, ""), "BadCursor")
      const ofStore = Cursor.make("memory", Schema.String).encode("k", "k1")
      assert.strictEqual(yield* outcome(Option.some(ofStore), 10, "k"), "BadCursor")
      assert.deepStrictEqual(
        keysOf(yield* page(Option.some(forged(name, 1e15, 1e15)), 10, "k")),
        [],
        "far beyond the end",
      )
    }).pipe(Effect.provide(listings)),
  )

  it.effect("knows no cursor of another process", () =>
    Effect.gen(function* () {
      yield* fill
      const { cursor } = yield* page()
      yield* Effect.gen(function* () {
        yield* Effect.forEach(names, (name) => put(`other${name}`), { discard: true })
        yield* page()
        assert.strictEqual(yield* outcome(cursor), "CursorExpired")
      }).pipe(Effect.provide(Layer.fresh(listings)))
      assert.strictEqual(yield* outcome(cursor), "a page")
    }).pipe(Effect.provide(listings)),
  )
})
