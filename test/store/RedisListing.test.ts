import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Done, RedisClient } from "../../src/store/RedisClient.ts"
import * as RedisListing from "../../src/store/RedisListing.ts"

type Buckets = ReadonlyArray<ReadonlyArray<string>>

/** Scans buckets as Redis does: whole ones, until there are as many names as asked for. */
const clientOn = (buckets: () => Buckets) => {
  const asked: Array<number> = []
  const client: RedisClient = {
    send: (_command, [cursor, , , , count], done) => {
      asked.push(Number(count))
      const names: Array<string> = []
      let at = Number(cursor)
      while (at < buckets().length && names.length < Number(count)) names.push(...(buckets()[at++] ?? []))
      const next = at < buckets().length ? at : 0
      done(undefined, [Buffer.from(`${next}`), names.map((name) => Buffer.from(name))])
    },
    run: (_script, keys, _args, done) =>
      done(
        undefined,
        keys.flatMap(() => [7, -1]),
      ),
  }
  return { asked, client }
}

const Left = Schema.fromJsonString(
  Schema.Tuple([Schema.Unknown, Schema.Unknown, Schema.Struct({ left: Schema.Array(Schema.String) })]),
)

/** The names that a cursor carries. */
const leftIn = (cursor: Option.Option<string>): ReadonlyArray<string> =>
  Option.match(cursor, {
    onNone: () => [],
    onSome: (text) => Schema.decodeSync(Left)(Buffer.from(text, "base64url").toString())[2].left,
  })

const pagesOf = (client: RedisClient, limit: number) =>
  Effect.gen(function* () {
    const list = RedisListing.make(client, "")
    const pages: Array<{ readonly keys: ReadonlyArray<string>; readonly left: ReadonlyArray<string> }> = []
    let cursor = Option.none<string>()
    do {
      const page = yield* list({ prefix: "", limit, cursor })
      cursor = page.cursor
      pages.push({ keys: page.keys.map(({ key }) => key), left: leftIn(cursor) })
    } while (Option.isSome(cursor))
    return pages
  })

const named = (sizes: ReadonlyArray<number>): Buckets =>
  sizes.map((size, bucket) => Array.from({ length: size }, (_, index) => `${bucket}.${index}`))

describe("RedisListing", () => {
  it.effect.prop(
    "pages of any table hold each name once, and no more than the limit",
    {
      sizes: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 }))),
      limit: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 12 })),
    },
    ({ limit, sizes }) =>
      Effect.gen(function* () {
        const buckets = named(sizes)
        const pages = yield* pagesOf(clientOn(() => buckets).client, limit)
        assert.deepStrictEqual(pages.flatMap(({ keys }) => keys).toSorted(), buckets.flat().toSorted())
        for (const { keys } of pages) assert.isAtMost(keys.length, limit)
      }),
    { arbitrary: { runs: 300, size: 100 } },
  )

  it.effect("a name that a scan repeats is on a page once", () =>
    Effect.gen(function* () {
      const buckets = Array.from({ length: 30 }, (_, index) => ["again", `${index}`, "again"])
      const { asked, client } = clientOn(() => buckets)
      const [first] = yield* pagesOf(client, 20)
      assert.isAbove(asked.length, 2)
      assert.strictEqual(new Set(first?.keys).size, first?.keys.length)
    }),
  )

  it.effect("a name that a cursor carried and a scan repeats is on a page once", () =>
    Effect.gen(function* () {
      const buckets = [["a", "b", "c", "d", "e", "f"], ["e"], ["f", "g"], ["h"]]
      const pages = yield* pagesOf(clientOn(() => buckets).client, 4)
      assert.deepStrictEqual(pages.map(({ keys }) => keys)[1], ["e", "f", "g", "h"])
    }),
  )

  it.effect("a bucket of any size is got through", () =>
    Effect.gen(function* () {
      const buckets = named([1, 3000, 1])
      const pages = yield* pagesOf(clientOn(() => buckets).client, 1000)
      assert.deepStrictEqual(pages.flatMap(({ keys }) => keys).toSorted(), buckets.flat().toSorted())
    }),
  )

  it.effect("a cursor carries names only when a single bucket does not fit on a page of its own", () =>
    Effect.gen(function* () {
      const buckets = named([3, 3, 3, 2, 9, 1, 4])
      const roomy = yield* pagesOf(clientOn(() => buckets).client, 9)
      assert.isTrue(roomy.every(({ left }) => left.length === 0))
      const tight = yield* pagesOf(clientOn(() => buckets).client, 4)
      for (const { keys, left } of tight) {
        if (left.length > 0) assert.strictEqual(keys.length, 4)
        assert.isAtMost(left.length, 5)
      }
    }),
  )

  it.effect("where nothing matches, it asks for much, a bounded number of times", () =>
    Effect.gen(function* () {
      const buckets = Array.from({ length: 100_000 }, () => [""])
      const { asked, client } = clientOn(() => buckets)
      const list = RedisListing.make(client, "")
      const page = yield* list({ prefix: "x", limit: 10, cursor: Option.none() })
      assert.deepStrictEqual(page.keys, [])
      assert.isTrue(Option.isSome(page.cursor))
      assert.isAtMost(asked.length, 24)
      assert.strictEqual(asked.at(-1), 1000)
    }),
  )

  it.effect("a reply that is none is unavailable", () =>
    Effect.gen(function* () {
      const replies: ReadonlyArray<unknown> = [
        undefined,
        null,
        "OK",
        [],
        [Buffer.from("0")],
        ["0", []],
        [Buffer.from("0"), [1]],
      ]
      for (const reply of replies) {
        const answer = (done: Done) => done(undefined, reply)
        const list = RedisListing.make(
          {
            send: (_command, _args, done) => answer(done),
            run: (_script, _keys, _args, done) => answer(done),
          },
          "",
        )
        const error = yield* Effect.flip(list({ prefix: "", limit: 10, cursor: Option.none() }))
        assert.strictEqual(error._tag, "StoreUnavailable")
      }
    }),
  )
})
