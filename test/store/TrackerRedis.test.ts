import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { RESERVED_PREFIX } from "../../src/core/Entry.ts"
import type { Signal } from "../../src/store/Tracker.ts"
import * as RedisServer from "../RedisServer.ts"
import * as TrackerContract from "./TrackerContract.ts"
import { data, followed, KILL, open } from "./TrackerOpen.ts"
import { keysOf } from "./TrackerRecorder.ts"

const subject = (keyPrefix: string) =>
  Effect.gen(function* () {
    const redis = yield* RedisServer.RedisServer
    return {
      tracker: yield* open(redis.url, { keyPrefix }),
      write: (key: string) => redis.cli("SET", keyPrefix + key, "value"),
      flush: redis.cli("FLUSHALL"),
      lose: redis.cli(...KILL),
      mend: Effect.void,
    }
  })

for (const keyPrefix of ["", "app:[*]:"]) {
  layer(RedisServer.layer, { excludeTestServices: true })(`TrackerRedis, key prefix "${keyPrefix}"`, (it) => {
    TrackerContract.check(it, subject(keyPrefix))
  })
}

const start = Effect.gen(function* () {
  const redis = yield* RedisServer.RedisServer
  yield* redis.cli("FLUSHALL")
  return { redis, ...(yield* followed(redis.url)) }
})

const tagsOf = (signals: ReadonlyArray<Signal>) => signals.map(({ _tag }) => _tag)

layer(RedisServer.layer, { excludeTestServices: true })("TrackerRedis hears what others do", (it) => {
  it.effect("every way to change a key is heard", () =>
    Effect.gen(function* () {
      const { redis, sink } = yield* start
      const dump = Effect.flatMap(redis.cli("SET", "source", "1"), () => redis.raw("DUMP", "source"))
      const bytes = yield* dump
      if (!Buffer.isBuffer(bytes)) return assert.fail("DUMP")
      const ways: ReadonlyArray<readonly [ReadonlyArray<string | Buffer>, ...ReadonlyArray<string>]> = [
        [["SET", "a", "1"], "a"],
        [["SET", "a", "1"], "a"],
        [["APPEND", "a", "2"], "a"],
        [["INCR", "a"], "a"],
        [["GETSET", "a", "1"], "a"],
        [["GETEX", "a", "EX", "100"], "a"],
        [["SET", "a", "1", "GET"], "a"],
        [["SETRANGE", "a", "0", "x"], "a"],
        [["EXPIRE", "a", "100"], "a"],
        [["PERSIST", "a"], "a"],
        [["RENAME", "a", "b"], "a", "b"],
        [["COPY", "b", "c"], "c"],
        [["RESTORE", "c", "0", bytes, "REPLACE"], "c"],
        [["MSET", "d", "1", "e", "2"], "d", "e"],
        [["GETDEL", "d"], "d"],
        [["UNLINK", "e"], "e"],
        [["MOVE", "c", "1"], "c"],
        [["HSET", "hash", "field", "1"], "hash"],
        [["DEL", "hash"], "hash"],
        [["EVAL", "redis.call('SET', 'f', 1) redis.call('SET', 'g', 1)", "0"], "f", "g"],
        // Nothing changed, nothing to hear.
        [["DEL", "none"]],
        [["SET", "f", "2", "NX"]],
        [["GET", "f"]],
        [["TOUCH", "f"]],
      ]
      for (const [command, ...keys] of ways) {
        const heard = yield* sink.heardOf(redis.cli(...command))
        assert.deepStrictEqual(keysOf(heard).toSorted(), keys, command.slice(0, 2).join(" "))
      }
    }),
  )

  it.effect("what this process wrote or read last does not matter", () =>
    Effect.gen(function* () {
      const { redis, sink } = yield* start
      const send = yield* data(redis.url)
      const commands: ReadonlyArray<readonly [string, ...ReadonlyArray<string>]> = [
        ["SET", "key", "own"],
        ["GETEX", "key"],
        ["GETSET", "key", "own"],
        ["SET", "key", "own", "GET"],
        ["GET", "key"],
      ]
      for (const own of commands) {
        for (let round = 0; round < 2; round++) {
          yield* send(...own)
          const heard = yield* sink.heardOf(redis.cli("SET", "key", "theirs"))
          assert.deepStrictEqual(keysOf(heard), ["key"], own.join(" "))
        }
      }
    }),
  )

  it.effect("every flush is heard, also of an empty database and of another one", () =>
    Effect.gen(function* () {
      const { redis, sink } = yield* start
      for (const commands of [
        [["FLUSHALL"]],
        [["FLUSHALL", "ASYNC"]],
        [["FLUSHDB"]],
        [["SELECT", "3"], ["FLUSHDB"]],
        [
          ["SELECT", "3"],
          ["FLUSHDB", "ASYNC"],
        ],
      ]) {
        yield* sink.heardOf(redis.cli("SET", "key", "1"))
        assert.deepStrictEqual(tagsOf(yield* sink.heardOf(redis.pipeline(commands))), ["Flushed"])
      }
    }),
  )

  it.effect("the keys of a transaction or a script come in one signal", () =>
    Effect.gen(function* () {
      const { redis, sink } = yield* start
      const set = [
        ["SET", "one", "1"],
        ["SET", "two", "2"],
      ]
      const script = ["EVAL", "redis.call('SET', 'one', 1) return redis.call('SET', 'two', 1)", "0"]
      for (const commands of [[["MULTI"], ...set, ["EXEC"]], [script]]) {
        const heard = yield* sink.heardOf(redis.pipeline(commands))
        assert.strictEqual(heard.length, 1)
        assert.deepStrictEqual(keysOf(heard).toSorted(), ["one", "two"])
      }
    }),
  )

  it.effect("a key that expires is heard once the server has noticed", () =>
    Effect.gen(function* () {
      const { redis, sink } = yield* start
      yield* sink.heardOf(redis.cli("SET", "key", "1", "PX", "20"))
      const gone = redis
        .cli("PTTL", "key")
        .pipe(Effect.repeat({ until: (ttl) => ttl === -2, schedule: Schedule.spaced("3 millis") }))
      assert.deepStrictEqual(keysOf(yield* sink.heardOf(gone)), ["key"])
    }),
  )

  it.effect("names that differ are told apart, and those that can be no key are left out", () =>
    Effect.gen(function* () {
      const { redis, sink } = yield* start
      const invalid = [Uint8Array.of(0xff, 0xfe), Uint8Array.of(97, 0xc3, 0x28), "", "x".repeat(1025)]
      const names = [
        "a,b",
        "\n",
        "\r\n$1\r\n",
        "é",
        "x".repeat(1024),
        "a\u0000b",
        "null",
        "\ufffd",
        "\ufeffx",
      ]
      for (const name of names) {
        const heard = yield* sink.heardOf(redis.cli("SET", name, "1"))
        assert.deepStrictEqual(heard, [{ _tag: "Invalidated", keys: [name] }])
      }
      const heard = yield* sink.heardOf(
        Effect.forEach([...invalid, "y".repeat(10_000)], (name) => redis.cli("SET", name, "1")),
      )
      assert.deepStrictEqual(heard, [])
      assert.deepStrictEqual(yield* sink.heardOf(redis.cli("SET", `${RESERVED_PREFIX}x`, "1")), [])
      const mixed = redis.cli("MSET", invalid[0] ?? "", "1", "key", "1", `${RESERVED_PREFIX}x`, "1")
      assert.deepStrictEqual(yield* sink.heardOf(mixed), [{ _tag: "Invalidated", keys: ["key"] }])
    }),
  )

  it.effect("what anybody publishes on the channel means nothing", () =>
    Effect.gen(function* () {
      const { redis, sink, tracker } = yield* start
      const publish = (bytes: string | Uint8Array) => redis.cli("PUBLISH", "__redis__:invalidate", bytes)
      for (const bytes of ["key", "", "null", "*1\r\n$3\r\nkey\r\n", Uint8Array.of(0xff, 0)]) {
        assert.deepStrictEqual(yield* sink.heardOf(publish(bytes)), [])
      }
      assert.strictEqual(tracker.status(), "live")
    }),
  )

  it.effect("with a key prefix only its keys are heard, without it", () =>
    Effect.gen(function* () {
      const { redis } = yield* start
      for (const keyPrefix of ["app:", "é*?[", "__cache", `${RESERVED_PREFIX}canary:`]) {
        const { sink } = yield* followed(redis.url, { keyPrefix })
        const all = Effect.forEach(
          [`${keyPrefix}key`, keyPrefix, "key", "ap", `x${keyPrefix}key`, `${keyPrefix}${"x".repeat(1024)}`],
          (name) => redis.cli("SET", name, "1"),
        )
        assert.deepStrictEqual(keysOf(yield* sink.heardOf(all)), ["key", "x".repeat(1024)])
        yield* sink.until("RoundTrip")
        assert.isFalse(sink.tags().includes("Lost"))
      }
    }),
  )

  it.effect("the canary of one instance is heard by it alone, and leaves nothing", () =>
    Effect.gen(function* () {
      const { redis, sink } = yield* start
      const other = yield* followed(redis.url)
      yield* sink.until("RoundTrip", 2)
      yield* other.sink.until("RoundTrip", 2)
      assert.deepStrictEqual([...sink.signals(), ...other.sink.signals()], [])
      for (const millis of sink.roundTrips()) assert.isTrue(millis > 0 && millis < 1000)
      assert.isAtMost(sink.roundTrips().length, 3)
      assert.strictEqual(yield* redis.cli("DBSIZE"), 0)
      for (const each of [sink, other.sink]) {
        assert.deepStrictEqual(keysOf(yield* each.heardOf(redis.cli("SET", "key", "1"))), ["key"])
      }
    }),
  )

  it.effect("keys that the server evicts for room are heard", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make(["--maxmemory-policy", "allkeys-random"])
      const { sink, tracker } = yield* followed(redis.url)
      const keys = Array.from({ length: 300 }, (_, index) => `key ${index}`)
      yield* redis.pipeline(keys.map((key) => ["SET", key, "x".repeat(10_000)]))
      yield* tracker.fence
      const used = Number(/used_memory:(\d+)/u.exec(String(yield* redis.cli("INFO", "memory")))?.[1])
      const heard = yield* sink.heardOf(
        Effect.forEach([`${used - 1_000_000}`, "0"], (max) => redis.cli("CONFIG", "SET", "maxmemory", max)),
      )
      const left = yield* redis.pipeline(keys.map((key) => ["EXISTS", key]))
      const evicted = keys.filter((_, index) => left[index] === 0)
      assert.isAbove(evicted.length, 10)
      assert.deepStrictEqual(keysOf(heard).toSorted(), evicted.toSorted())
    }),
  )
})
