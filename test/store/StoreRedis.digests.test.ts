import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as EntityTag from "../../src/store/EntityTag.ts"
import { COMPARE_MAX_BYTES } from "../../src/store/Store.ts"
import * as RedisServer from "../RedisServer.ts"
import { connect } from "./outside.ts"
import { mebibyte, utf8 } from "./samples.ts"

/** Bytes that the server has sent until now, to everybody. */
const sent = Effect.gen(function* () {
  const redis = yield* RedisServer.RedisServer
  const info = String(yield* redis.cli("INFO", "stats"))
  return Number(/total_net_output_bytes:(\d+)/u.exec(info)?.[1])
})

/** More than a reply that says nothing but "the same", and the answer to `INFO`. */
const LITTLE = 16_000

const knownOf = (bytes: Uint8Array) => Option.some({ etag: EntityTag.of(bytes), size: bytes.byteLength })

const start = Effect.gen(function* () {
  const redis = yield* RedisServer.RedisServer
  yield* redis.cli("FLUSHALL")
  return { redis, store: yield* connect(redis.url) }
})

layer(RedisServer.layer, { excludeTestServices: true })("StoreRedis and digests", (it) => {
  it.effect("of a large value that is the same nothing is sent but that, and of another all", () =>
    Effect.gen(function* () {
      const { store } = yield* start
      const keys = Array.from({ length: 8 }, (_, index) => `key ${index}`)
      const part = mebibyte.slice(0, COMPARE_MAX_BYTES / 8)
      yield* Effect.forEach(keys, (key) => store.write(key, part))
      const questions = keys.map((key) => ({ key, known: knownOf(part) }))
      const before = yield* sent
      const same = yield* store.compareMany(questions)
      assert.deepStrictEqual(
        same.map(Result.getOrThrow),
        keys.map(() => Option.some({ bytes: Option.none(), ttlMillis: Infinity })),
      )
      const between = yield* sent
      assert.isBelow(between - before, LITTLE)
      const other = Uint8Array.from(part, (byte) => byte ^ 1)
      yield* store.write("key 3", other)
      const answers = yield* store.compareMany(questions)
      assert.deepStrictEqual(
        answers.flatMap((answer) => Option.toArray(Option.getOrThrow(Result.getOrThrow(answer)).bytes)),
        [other],
      )
      const after = yield* sent
      assert.isAbove(after - between, part.byteLength)
      assert.isBelow(after - between, part.byteLength + LITTLE)
    }),
  )

  it.effect("small and large values, what is gone and what is no value are one question, one script", () =>
    Effect.gen(function* () {
      const { redis, store } = yield* start
      yield* store.write("small", utf8("small"))
      yield* store.write("large", mebibyte)
      yield* redis.cli("RPUSH", "list", "a")
      const known = knownOf(mebibyte)
      // The script is known to the server from here on.
      yield* store.readMany(["small"])
      yield* redis.cli("CONFIG", "RESETSTAT")
      const answers = yield* store.compareMany([
        { key: "small", known: knownOf(utf8("small")) },
        { key: "large", known },
        { key: "list", known },
        { key: "gone", known },
      ])
      const info = String(yield* redis.cli("INFO", "commandstats"))
      assert.match(info, /cmdstat_evalsha:calls=1,/u)
      assert.notMatch(info, /cmdstat_eval:/u)
      assert.deepStrictEqual(
        answers.map((answer) =>
          Result.match(answer, {
            onFailure: ({ _tag }) => _tag,
            onSuccess: Option.match({
              onNone: () => "none",
              onSome: ({ bytes }) => (Option.isSome(bytes) ? "sent" : "the same"),
            }),
          }),
        ),
        ["sent", "the same", "WrongType", "none"],
      )
    }),
  )
})
