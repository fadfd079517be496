import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { RESERVED_PREFIX } from "../../src/core/Entry.ts"
import { after, Store } from "../../src/store/Store.ts"
import * as RedisServer from "../RedisServer.ts"
import { connect } from "./outside.ts"
import { mebibyte, utf8 } from "./samples.ts"

const BINARY = Uint8Array.of(0, 13, 10, 0xff, 0xfe, 36)

/** A store on a flushed server. */
const start = Effect.gen(function* () {
  const redis = yield* RedisServer.RedisServer
  yield* redis.cli("FLUSHALL")
  return { redis, store: yield* connect(redis.url) }
})

/** How often Redis ran each command since it was last asked. */
const callsDuring = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const redis = yield* RedisServer.RedisServer
    yield* redis.cli("CONFIG", "RESETSTAT")
    yield* effect
    const info = String(yield* redis.cli("INFO", "commandstats"))
    const calls = [...info.matchAll(/^cmdstat_([\w|]+):calls=(\d+)/gmu)]
    return new Map(calls.map(([, name = "", count]) => [name, Number(count)]))
  })

const pages = (store: Store["Service"], prefix: string, limit: number) =>
  Effect.gen(function* () {
    const keys: Array<string> = []
    let skipped = 0
    let cursor = Option.none<string>()
    do {
      const page = yield* store.list({ prefix, limit, cursor })
      assert.isAtMost(page.keys.length, limit)
      keys.push(...page.keys.map(({ key }) => key))
      skipped += page.skipped
      cursor = page.cursor
    } while (Option.isSome(cursor))
    return { keys, skipped }
  })

layer(RedisServer.layer, { excludeTestServices: true })("StoreRedis on the wire", (it) => {
  it.effect("what anybody SETs and what the store writes are the same strings", () =>
    Effect.gen(function* () {
      const { redis, store } = yield* start
      yield* redis.cli("SET", "theirs", BINARY, "PX", "60000")
      const read = Option.getOrThrow(yield* store.read("theirs"))
      assert.deepStrictEqual(read.bytes, BINARY)
      assert.isAtMost(read.ttlMillis, 60_000)
      yield* store.write("ours", BINARY, { expiry: after(60_000) })
      assert.deepStrictEqual(yield* redis.raw("GET", "ours"), Buffer.from(BINARY))
      assert.strictEqual(yield* redis.cli("TYPE", "ours"), "string")
      assert.isAbove(Number(yield* redis.cli("PTTL", "ours")), 50_000)
      assert.strictEqual(yield* redis.cli("DBSIZE"), 2)
    }),
  )

  it.effect("the key prefix is a matter between the store and Redis", () =>
    Effect.gen(function* () {
      const { redis } = yield* start
      const store = yield* connect(redis.url, { keyPrefix: "app:" })
      yield* store.write("key", utf8("1"))
      yield* redis.cli("SET", "key", "somebody else's")
      assert.strictEqual(yield* redis.cli("GET", "app:key"), "1")
      assert.deepStrictEqual(yield* pages(store, "", 10), { keys: ["key"], skipped: 0 })
      yield* redis.cli("RPUSH", "app:list", "a")
      assert.deepInclude(yield* Effect.flip(store.read("list")), { _tag: "WrongType", key: "list" })
    }),
  )

  it.effect("a read, a write and a removal are one script each, and its text is sent once", () =>
    Effect.gen(function* () {
      const { store } = yield* start
      const all = Effect.all([store.write("key", BINARY), store.read("key"), store.remove("key")])
      yield* all
      const calls = yield* callsDuring(all)
      assert.strictEqual(calls.get("evalsha"), 3)
      assert.strictEqual(calls.get("eval"), undefined)
    }),
  )

  it.effect("many reads are one script per 500 keys", () =>
    Effect.gen(function* () {
      const { store } = yield* start
      const keys = Array.from({ length: 1500 }, (_, index) => `key ${index}`)
      yield* store.readMany(keys)
      const few = yield* callsDuring(store.readMany(keys.slice(0, 500)))
      assert.deepStrictEqual([few.get("evalsha"), few.get("get"), few.get("eval")], [1, 500, undefined])
      const many = yield* callsDuring(store.readMany(keys))
      assert.deepStrictEqual([many.get("evalsha"), many.get("get")], [3, 1500])
      const none = yield* callsDuring(store.readMany([]))
      assert.strictEqual(none.get("evalsha"), undefined)
    }),
  )

  it.effect("operations of one moment leave in few packets", () =>
    Effect.gen(function* () {
      const { redis, store } = yield* start
      const keys = Array.from({ length: 200 }, (_, index) => `key ${index}`)
      yield* redis.cli("CONFIG", "RESETSTAT")
      yield* Effect.forEach(keys, store.read, { concurrency: "unbounded" })
      const reads = /total_reads_processed:(\d+)/u.exec(String(yield* redis.cli("INFO", "stats")))?.[1]
      assert.isBelow(Number(reads), 20)
    }),
  )

  it.effect("a hash is only computed when a condition asks for a tag", () =>
    Effect.gen(function* () {
      const { store } = yield* start
      yield* store.write("key", mebibyte)
      const plain = yield* callsDuring(
        Effect.all([
          store.write("key", mebibyte),
          store.write("key", mebibyte, { condition: { ifMatch: "any" } }),
          store.remove("key", { condition: { ifMatch: "any" } }),
          store.write("key", mebibyte, { condition: { ifNoneMatch: ["x"] } }),
        ]),
      )
      assert.strictEqual(plain.get("get"), undefined)
    }),
  )

  it.effect("values share no memory with what came from the network", () =>
    Effect.gen(function* () {
      const { store } = yield* start
      const keys = Array.from({ length: 100 }, (_, index) => `key ${index}`)
      yield* Effect.forEach(keys, (key) => store.write(key, utf8(key)), { concurrency: "unbounded" })
      const one = yield* Effect.forEach(keys, store.read, { concurrency: "unbounded" })
      const many = yield* Effect.forEach(yield* store.readMany(keys), Effect.fromResult)
      for (const read of [...one, ...many]) {
        const { bytes } = Option.getOrThrow(read)
        assert.strictEqual(bytes.buffer.byteLength, bytes.byteLength)
      }
    }),
  )

  it.effect("names that are no entries are skipped and counted, and do not disturb the others", () =>
    Effect.gen(function* () {
      const { redis, store } = yield* start
      const wanted = ["a", "b\u0000c", "é", "x,y", "\n"]
      yield* redis.pipeline([
        ...wanted.map((key) => ["SET", key, "1"]),
        ["SET", Uint8Array.of(0xff, 0xfe), "1"],
        ["SET", Uint8Array.of(97, 0xc3, 0x28), "1"],
        ["SET", "", "1"],
        ["SET", "x".repeat(1025), "1"],
        ["RPUSH", "list", "1"],
        ["HSET", "hash", "a", "1"],
        ["SET", `${RESERVED_PREFIX}ours`, "1"],
        ["RPUSH", `${RESERVED_PREFIX}list`, "1"],
      ])
      for (const limit of [1, 2, 3, 100]) {
        const { keys, skipped } = yield* pages(store, "", limit)
        assert.deepStrictEqual(keys.toSorted(), wanted.toSorted(), `limit ${limit}`)
        assert.strictEqual(skipped, 6, `limit ${limit}`)
      }
    }),
  )

  it.effect("a listing asks a bounded number of times for a page, also where next to nothing matches", () =>
    Effect.gen(function* () {
      const { redis, store } = yield* start
      yield* redis.cli("EVAL", "for i = 1, 60000 do redis.call('SET', 'other ' .. i, '') end", "0")
      yield* redis.cli("SET", "wanted", "1")
      let cursor = Option.none<string>()
      let first = true
      const found: Array<string> = []
      while (first || Option.isSome(cursor)) {
        first = false
        const calls = yield* callsDuring(
          Effect.tap(store.list({ prefix: "wanted", limit: 10, cursor }), (page) =>
            Effect.sync(() => {
              cursor = page.cursor
              found.push(...page.keys.map(({ key }) => key))
            }),
          ),
        )
        assert.isAtMost(calls.get("scan") ?? 0, 24)
      }
      assert.deepStrictEqual(found, ["wanted"])
    }),
  )

  it.effect("a forged cursor does not reach beyond its prefix", () =>
    Effect.gen(function* () {
      const { redis, store } = yield* start
      yield* redis.cli("EVAL", "for i = 1, 200 do redis.call('SET', 'open ' .. i, '') end", "0")
      yield* redis.cli("SET", "secret", "12345")
      const { cursor } = yield* store.list({ prefix: "open ", limit: 1, cursor: Option.none() })
      const [kind, fingerprint] = JSON.parse(Buffer.from(Option.getOrThrow(cursor), "base64url").toString())
      const forge = (place: unknown) =>
        Option.some(Buffer.from(JSON.stringify([kind, fingerprint, place])).toString("base64url"))
      const honest = yield* store.list({
        prefix: "open ",
        limit: 1,
        cursor: forge({ scan: null, left: ["open 1"] }),
      })
      assert.deepStrictEqual(honest.keys, [{ key: "open 1", size: 0, ttlMillis: Infinity }])
      for (const place of [
        { scan: null, left: ["secret"] },
        { scan: null, left: ["open 1", "secret"] },
        { scan: "99999999999999999999", left: [] },
        { scan: "-1", left: [] },
        { scan: "0 MATCH *", left: [] },
        { scan: 0, left: [] },
        { left: [] },
      ]) {
        const error = yield* Effect.flip(store.list({ prefix: "open ", limit: 1, cursor: forge(place) }))
        assert.strictEqual(error._tag, "BadCursor", JSON.stringify(place))
      }
    }),
  )

  it.effect("a value in the last moment of its life is read with what remains, never as lasting", () =>
    Effect.gen(function* () {
      const { store } = yield* start
      for (let round = 0; round < 300; round++) {
        yield* store.write("key", utf8("value"), { expiry: after(1) })
        const read = yield* store.read("key")
        if (Option.isSome(read)) assert.isAtMost(read.value.ttlMillis, 1)
      }
    }),
  )
})
