import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Result from "effect/Result"
import * as EntityTag from "../../src/store/EntityTag.ts"
import type { Store } from "../../src/store/Store.ts"
import * as RedisClusterServer from "../RedisClusterServer.ts"
import * as RedisServer from "../RedisServer.ts"
import { connect } from "./outside.ts"
import { mebibyte, utf8 } from "./samples.ts"

const FORBID = ["ACL", "SETUSER", "default", "-eval", "-evalsha"]
const ALLOW = ["ACL", "SETUSER", "default", "+eval", "+evalsha"]

const DISABLED = ["--rename-command", "EVAL", "", "--rename-command", "EVALSHA", ""]

const question = (key: string, bytes: Uint8Array) => ({
  key,
  known: Option.some({ etag: EntityTag.of(bytes), size: bytes.byteLength }),
})

/** What reads find, in words. */
const found = Effect.fnUntraced(function* (store: Store["Service"]) {
  const show = (bytes: Uint8Array) => (bytes.byteLength < 10 ? Buffer.from(bytes).toString() : "large")
  const compared = yield* store.compareMany([question("large", mebibyte), question("list", mebibyte)])
  const many = yield* store.readMany(["small", "list", "none", "large"])
  const { keys, skipped } = yield* store.list({ prefix: "", limit: 10, cursor: Option.none() })
  return {
    compared: compared.map(
      Result.match({
        onFailure: ({ _tag }) => _tag,
        onSuccess: Option.match({
          onNone: () => "none",
          onSome: ({ bytes }) => Option.match(bytes, { onNone: () => "the same", onSome: show }),
        }),
      }),
    ),
    many: many.map(
      Result.match({
        onFailure: ({ _tag }) => _tag,
        onSuccess: Option.match({ onNone: () => "none", onSome: ({ bytes }) => show(bytes) }),
      }),
    ),
    listed: keys.map(({ key, size }) => `${key} ${size}`).toSorted(),
    skipped,
    one: Option.map(yield* store.read("small"), ({ bytes, ttlMillis }) => [show(bytes), ttlMillis]),
    none: yield* store.read("none"),
    list: String((yield* Effect.flip(store.read("list")))._tag),
  }
})

const EXPECTED = {
  compared: ["the same", "WrongType"],
  many: ["small", "WrongType", "none", "large"],
  listed: ["large 1048576", "small 5"],
  skipped: 1,
  one: Option.some(["small", Infinity]),
  none: Option.none(),
  list: "WrongType",
}

const WITHOUT_SCRIPTS = { ...EXPECTED, compared: ["large", "WrongType"] }

const WARNING = "scripts are refused: whole values are read, and nothing can be written"

const quiet = Layer.succeed(References.MinimumLogLevel, "None")

const logs = () => {
  const messages: Array<string> = []
  const logger = Logger.make<unknown, void>(({ message }) => void messages.push(String(message)))
  return { messages, layer: Logger.layer([logger]) }
}

const fill = (redis: RedisServer.RedisServer["Service"]) =>
  redis.pipeline([
    ["SET", "small", "small"],
    ["SET", "large", mebibyte],
    ["RPUSH", "list", "a"],
  ])

describe("StoreRedis without scripts", () => {
  it.live("a user who may run none reads whole values, and hears of it once", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const store = yield* connect(redis.url)
      yield* fill(redis)
      const { layer, messages } = logs()
      const reads = Effect.provide(found(store), layer)
      assert.deepStrictEqual(yield* reads, EXPECTED)
      assert.deepStrictEqual(messages, [])
      yield* redis.cli(...FORBID)
      assert.deepStrictEqual(yield* reads, WITHOUT_SCRIPTS)
      assert.deepStrictEqual(yield* reads, WITHOUT_SCRIPTS)
      assert.deepStrictEqual(messages, [WARNING])
      assert.strictEqual((yield* Effect.flip(store.write("small", utf8("2"))))._tag, "StoreUnavailable")
      yield* redis.cli(...ALLOW)
      assert.deepStrictEqual(yield* reads, EXPECTED)
    }),
  )

  it.live("a server that has none is read", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make(DISABLED)
      const store = yield* connect(redis.url)
      yield* fill(redis)
      assert.deepStrictEqual(yield* found(store), WITHOUT_SCRIPTS)
    }).pipe(Effect.provide(quiet)),
  )

  it.live("the time that remains is told, and a value whose time is over is none", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const store = yield* connect(redis.url)
      yield* redis.cli(...FORBID)
      yield* redis.cli("SET", "key", "value", "PX", "60000")
      const read = Option.getOrThrow(yield* store.read("key"))
      assert.isTrue(read.ttlMillis > 50_000 && read.ttlMillis <= 60_000)
      yield* redis.cli("PEXPIRE", "key", "-1")
      assert.deepStrictEqual(yield* store.read("key"), Option.none())
    }),
  )

  it.live("a user who may not read at all is told so, as with scripts", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const store = yield* connect(redis.url)
      for (const rule of ["-get", "-pttl"]) {
        yield* redis.cli("ACL", "SETUSER", "default", "+@all", "-eval", "-evalsha", rule)
        for (const read of [
          store.read("key"),
          store.readMany(["key", "other"]),
          store.compareMany([question("key", mebibyte)]),
        ]) {
          assert.deepInclude(yield* Effect.flip<unknown, object, never>(read), {
            _tag: "StoreUnavailable",
            reason: "NOPERM",
          })
        }
      }
    }),
  )

  it.live("what passes by itself is no refusal of scripts", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const store = yield* connect(redis.url)
      yield* redis.cli("REPLICAOF", "127.0.0.1", "1")
      yield* redis.cli("CONFIG", "SET", "replica-serve-stale-data", "no")
      yield* redis.cli("CONFIG", "RESETSTAT")
      assert.deepInclude(yield* Effect.flip(store.readMany(["key"])), { reason: "MASTERDOWN" })
      const info = String(yield* redis.cli("INFO", "commandstats"))
      assert.notMatch(info, /cmdstat_(?:get|pttl):/u)
    }),
  )

  it.live("in a cluster every key is asked for where it is, while its slot moves too", () =>
    Effect.gen(function* () {
      const cluster = yield* RedisClusterServer.make()
      const store = yield* connect(cluster.url)
      const keys = Array.from({ length: 6 }, (_, index) => `{moving}${index}`)
      const all = [...keys, "elsewhere", "a", "b", "c"]
      for (const key of all) yield* cluster.cli("SET", key, key)
      for (const node of cluster.nodes()) yield* node.cli(...FORBID)
      const slot = yield* cluster.slotOf("{moving}")
      const from = yield* cluster.ownerOf("{moving}")
      const to = (yield* cluster.masters).find((node) => node !== from) ?? from
      const check = Effect.gen(function* () {
        const answers = yield* store.compareMany(all.map((key) => question(key, mebibyte)))
        assert.deepStrictEqual(
          answers.map((answer) =>
            Option.map(
              Option.flatMap(Result.getOrThrow(answer), ({ bytes }) => bytes),
              (bytes) => Buffer.from(bytes).toString(),
            ),
          ),
          all.map((key) => Option.some(key)),
        )
      })
      yield* check
      yield* cluster.startMove(slot, from, to)
      for (const key of keys.slice(0, 3))
        yield* from.cli("MIGRATE", "127.0.0.1", `${to.port}`, key, "0", "5000")
      yield* check
      yield* cluster.moveKeys(slot, from, to)
      yield* check
      yield* cluster.finishMove(slot, from, to)
      yield* check
    }).pipe(Effect.provide(quiet)),
  )
})
