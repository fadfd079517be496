/** Pages hold what is under a prefix, no more than asked for, and lose nothing that stays. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { RESERVED_PREFIX } from "../../../src/core/Entry.ts"
import { after, type Listed, Store } from "../../../src/store/Store.ts"
import type { Declare, Subject } from "../StoreContract.ts"
import { utf8 } from "../samples.ts"

/** Every key under a prefix, page by page; `between` runs after each page. */
const listAll = <R2 = never>(
  prefix: string,
  limit: number,
  between: (page: number) => Effect.Effect<unknown, unknown, R2> = () => Effect.void,
) =>
  Effect.gen(function* () {
    const store = yield* Store
    const listed: Array<Listed> = []
    let cursor = Option.none<string>()
    let pages = 0
    do {
      const page = yield* store.list({ prefix, limit, cursor })
      assert.isAtMost(page.keys.length, limit)
      assert.isBelow(++pages, 10_000)
      listed.push(...page.keys)
      cursor = page.cursor
      if (Option.isSome(cursor)) assert.match(cursor.value, /^[\w-]+$/u)
      yield* between(pages)
    } while (Option.isSome(cursor))
    return { listed, keys: listed.map(({ key }) => key), pages }
  })

const writeAll = (keys: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const store = yield* Store
    yield* Effect.forEach(keys, (key) => store.write(key, utf8(`${key.length}`)), {
      concurrency: "unbounded",
    })
  })

const removeAll = (keys: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const store = yield* Store
    yield* Effect.forEach(keys, (key) => store.remove(key), { concurrency: "unbounded" })
  })

const numbered = (prefix: string, length: number) => Array.from({ length }, (_, index) => `${prefix}${index}`)

/** Each is also a pattern, or half of one, that would match others. */
const GLOBS = ["a*", "a?", "a[b]", "a[^b]", "a[", "a]", "a\\", "a\\*", "a{b}", "a**", "a-z", "*", "[", "?"]

export const check = <R>(it: Declare<R>, outlive: Subject<R>["outlive"]): void => {
  it("an empty store lists nothing, on one page", () =>
    Effect.gen(function* () {
      const store = yield* Store
      const page = yield* store.list({ prefix: "", limit: 10, cursor: Option.none() })
      assert.deepStrictEqual(page, { keys: [], cursor: Option.none(), skipped: 0 })
    }))

  it("a listing tells sizes and times", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* store.write("timed", utf8("12345"), { expiry: after(60_000) })
      yield* store.write("lasting", utf8(""))
      const { listed } = yield* listAll("", 10)
      const sizes = new Map(listed.map(({ key, size }) => [key, size]))
      assert.deepStrictEqual([sizes.get("timed"), sizes.get("lasting")], [5, 0])
      const ttls = new Map(listed.map(({ key, ttlMillis }) => [key, ttlMillis]))
      assert.isAtMost(ttls.get("timed") ?? NaN, 60_000)
      assert.isAbove(ttls.get("timed") ?? NaN, 50_000)
      assert.strictEqual(ttls.get("lasting"), Infinity)
    }))

  it("a prefix is literal, whatever its characters mean elsewhere", () =>
    Effect.gen(function* () {
      const keys = [...GLOBS, ...GLOBS.map((glob) => `${glob}x`), "ab", "abc", "axb", "b", "é", "e"]
      yield* writeAll(keys)
      for (const prefix of ["", "a", "ab", "é", "nothing", ...GLOBS]) {
        const { keys: found } = yield* listAll(prefix, 7)
        assert.deepStrictEqual(
          found.toSorted(),
          keys.filter((key) => key.startsWith(prefix)).toSorted(),
          prefix,
        )
      }
    }))

  it("pages of every size hold each key once when nothing changes", () =>
    Effect.gen(function* () {
      const wanted = numbered("wanted ", 30)
      yield* writeAll([...wanted, ...numbered("other ", 40)])
      for (let limit = 1; limit <= 31; limit++) {
        const { keys } = yield* listAll("wanted ", limit)
        assert.deepStrictEqual(keys.toSorted(), wanted.toSorted(), `limit ${limit}`)
      }
    }))

  it("2,000 keys are listed in pages of a useful size", () =>
    Effect.gen(function* () {
      const keys = numbered("key ", 2000)
      yield* writeAll(keys)
      const { keys: found, pages } = yield* listAll("", 100)
      assert.deepStrictEqual(found.toSorted(), keys.toSorted())
      assert.isAtMost(pages, 40)
    }))

  it("a key that stays is listed, however others come and go between the pages", () =>
    Effect.gen(function* () {
      const constant = numbered("constant ", 60)
      yield* writeAll(constant)
      for (const limit of [1, 20]) {
        const { keys } = yield* listAll("", limit, (page) =>
          // Growing by far and shrinking again, so that a hash table changes its size under the listing.
          page % 4 === 1
            ? writeAll(numbered("passing ", 1200 / limit))
            : page % 4 === 3
              ? removeAll(numbered("passing ", 1200 / limit))
              : Effect.void,
        )
        assert.includeMembers(keys, constant, `limit ${limit}`)
      }
    }))

  it("keys whose time is over are not listed and do not end a listing", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* Effect.forEach(numbered("a passing ", 20), (key) =>
        store.write(key, utf8(""), { expiry: after(30) }),
      )
      yield* writeAll(numbered("b constant ", 5))
      yield* outlive("a passing 19", 30)
      const { keys } = yield* listAll("", 3)
      assert.deepStrictEqual(keys.toSorted(), numbered("b constant ", 5))
    }))

  it("our own keys are not listed", () =>
    Effect.gen(function* () {
      yield* writeAll([`${RESERVED_PREFIX}canary`, `${RESERVED_PREFIX}x`, "__cache", "key"])
      const { keys } = yield* listAll("", 1)
      assert.deepStrictEqual(keys.toSorted(), ["__cache", "key"])
      assert.deepStrictEqual((yield* listAll(RESERVED_PREFIX, 10)).keys, [])
    }))

  it("a cursor that was not given out for this prefix is refused", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* writeAll(numbered("key ", 10))
      const first = yield* store.list({ prefix: "key ", limit: 2, cursor: Option.none() })
      const cursor = Option.getOrThrow(first.cursor)
      const shifted = Buffer.from(cursor, "base64url").toString().replaceAll(/\w/gu, "z")
      const foreign = [
        "",
        "0",
        "no cursor",
        "💥",
        "AAAA",
        "\0",
        cursor.slice(1),
        cursor.slice(0, -4),
        `${cursor}AAAA`,
        Buffer.from(shifted).toString("base64url"),
        Buffer.from("[]").toString("base64url"),
        Buffer.from("null").toString("base64url"),
        "x".repeat(10_000),
      ]
      for (const text of foreign) {
        const error = yield* Effect.flip(store.list({ prefix: "key ", limit: 2, cursor: Option.some(text) }))
        assert.strictEqual(error._tag, "BadCursor", text)
      }
      const other = yield* Effect.flip(store.list({ prefix: "key", limit: 2, cursor: Option.some(cursor) }))
      assert.strictEqual(other._tag, "BadCursor")
    }))
}
