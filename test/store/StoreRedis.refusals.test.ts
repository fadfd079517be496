import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Condition from "../../src/core/Condition.ts"
import { after, keep, type Store, WrongType } from "../../src/store/Store.ts"
import * as RedisServer from "../RedisServer.ts"
import { connect, eventually } from "./outside.ts"
import { utf8 } from "./samples.ts"

const VALUE = utf8("value")

const tagAndReason = (error: { readonly _tag: string; readonly reason?: string }) =>
  `${error._tag} ${error.reason ?? ""}`.trim()

const failure = <A, E extends { readonly _tag: string; readonly reason?: string }, R>(
  effect: Effect.Effect<A, E, R>,
) => Effect.map(Effect.flip(effect), tagAndReason)

/** A read, a conditional one, a plain write, a removal: what each fails with. */
const failures = (store: Store["Service"]) =>
  Effect.all([
    failure(store.read("key")),
    failure(store.readMany(["key"])),
    failure(store.compareMany([{ key: "key", known: Option.none() }])),
    failure(store.write("key", VALUE)),
    failure(store.write("key", VALUE, { condition: Condition.ifAbsent })),
    failure(store.remove("key")),
    failure(store.list({ prefix: "", limit: 1, cursor: Option.none() })),
    failure(store.count),
    failure(store.probe),
  ])

describe("StoreRedis and what Redis refuses", () => {
  it.live("a key of another type is a wrong type to every operation, and is left alone", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const store = yield* connect(redis.url)
      yield* redis.cli("RPUSH", "list", "a", "b")
      yield* redis.cli("PEXPIRE", "list", "100000")
      yield* store.write("string", VALUE)
      const attempts: ReadonlyArray<Effect.Effect<unknown, { readonly _tag: string }>> = [
        store.read("list"),
        store.write("list", VALUE),
        store.write("list", VALUE, { expiry: keep }),
        store.write("list", VALUE, { expiry: after(5) }),
        store.write("list", VALUE, { condition: Condition.ifAbsent }),
        store.write("list", VALUE, { condition: Condition.ifTag("x") }),
        store.remove("list"),
        store.remove("list", { condition: Condition.ifPresent }),
      ]
      for (const attempt of attempts) {
        assert.deepEqual(yield* Effect.flip(attempt), new WrongType({ key: "list" }))
      }
      const read = yield* store.readMany(["string", "list", "none"])
      assert.deepStrictEqual(
        read.map((result) =>
          Result.isFailure(result) ? result.failure._tag : Option.isSome(result.success),
        ),
        [true, "WrongType", false],
      )
      assert.deepStrictEqual(yield* redis.cli("LRANGE", "list", "0", "-1"), ["a", "b"])
      assert.isAbove(Number(yield* redis.cli("PTTL", "list")), 0)
    }),
  )

  it.live("a server that forgot its scripts is told them again", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const store = yield* connect(redis.url)
      for (let round = 0; round < 3; round++) {
        yield* redis.cli("SCRIPT", "FLUSH")
        const keys = Array.from({ length: 20 }, (_, index) => `key ${index}`)
        yield* Effect.forEach(keys, (key) => store.write(key, VALUE), { concurrency: "unbounded" })
        yield* redis.cli("SCRIPT", "FLUSH")
        const read = yield* Effect.forEach(keys, store.read, { concurrency: "unbounded" })
        assert.isTrue(read.every(Option.isSome))
      }
    }),
  )

  it.live("a full server is out of memory to writes, and still reads and removes", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make(["--maxmemory-policy", "noeviction"])
      const store = yield* connect(redis.url)
      yield* store.write("key", VALUE)
      yield* redis.cli("CONFIG", "SET", "maxmemory", "1")
      assert.strictEqual(yield* failure(store.write("key", utf8("new"))), "OutOfMemory OOM")
      assert.strictEqual(
        yield* failure(store.write("key", utf8("new"), { expiry: keep, condition: Condition.ifPresent })),
        "OutOfMemory OOM",
      )
      assert.deepStrictEqual(Option.getOrThrow(yield* store.read("key")).bytes, VALUE)
      assert.isTrue(yield* store.remove("key"))
    }),
  )

  it.live("a replica is unavailable to writes and removals, and still reads", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const store = yield* connect(redis.url)
      yield* store.write("key", VALUE)
      yield* redis.cli("REPLICAOF", "127.0.0.1", "1")
      assert.strictEqual(yield* failure(store.write("key", utf8("new"))), "StoreUnavailable READONLY")
      assert.strictEqual(yield* failure(store.remove("key")), "StoreUnavailable READONLY")
      assert.strictEqual(yield* failure(store.remove("none")), "StoreUnavailable READONLY")
      assert.deepStrictEqual(Option.getOrThrow(yield* store.read("key")).bytes, VALUE)
      yield* redis.cli("CONFIG", "SET", "replica-serve-stale-data", "no")
      assert.strictEqual(yield* failure(store.read("key")), "StoreUnavailable MASTERDOWN")
      assert.strictEqual(yield* failure(store.readMany(["key"])), "StoreUnavailable MASTERDOWN")
      yield* redis.cli("REPLICAOF", "NO", "ONE")
      assert.isFalse((yield* store.write("key", utf8("new"))).created)
    }),
  )

  it.live("a server without enough replicas is unavailable to writes", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make(["--min-replicas-to-write", "1"])
      const store = yield* connect(redis.url)
      assert.strictEqual(yield* failure(store.write("key", VALUE)), "StoreUnavailable NOREPLICAS")
      assert.deepStrictEqual(yield* store.read("key"), Option.none())
    }),
  )

  it.live("a server that wants a password is unavailable to all, until it is given", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make(["--requirepass", "p@ss/word %"])
      const without = yield* connect(redis.url)
      assert.deepStrictEqual(new Set(yield* failures(without)), new Set(["StoreUnavailable NOAUTH"]))
      const wrong = yield* connect(redis.url.replace("//", "//:wrong@"), { timeoutMillis: 200 })
      assert.deepStrictEqual(new Set(yield* failures(wrong)), new Set(["StoreUnavailable WRONGPASS"]))
      const right = yield* connect(redis.url.replace("//", `//:${encodeURIComponent("p@ss/word %")}@`))
      assert.isTrue((yield* right.write("key", VALUE)).created)
      yield* redis.pipeline([
        ["AUTH", "p@ss/word %"],
        ["CONFIG", "SET", "requirepass", "wrong"],
      ])
      yield* eventually(wrong.probe)
    }),
  )

  it.live("a user of little right is told so, and nothing is half done", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const url = redis.url.replace("//", "//reader:x@")
      yield* redis.cli("ACL", "SETUSER", "reader", "on", ">x", "~*", "+get", "+pttl", "+eval", "+evalsha")
      const store = yield* connect(url)
      assert.deepStrictEqual(yield* store.read("key"), Option.none())
      assert.match(yield* failure(store.write("key", VALUE)), /^StoreUnavailable (?:ERR|NOPERM)/u)
      // May set, but not ask for the time that remains: the write must not happen before that is known.
      yield* redis.cli("ACL", "SETUSER", "reader", "+set", "+type", "-pttl")
      yield* redis.cli("SET", "key", "old", "EX", "100")
      assert.match(yield* failure(store.write("key", VALUE, { expiry: keep })), /^StoreUnavailable /u)
      assert.strictEqual(yield* redis.cli("GET", "key"), "old")
      assert.strictEqual(yield* failure(store.probe), "StoreUnavailable NOPERM")
    }),
  )

  it.live("a server that runs somebody's endless script is unavailable, and back when it is not", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make(["--lua-time-limit", "20"])
      const store = yield* connect(redis.url)
      yield* Effect.forkChild(redis.pipeline([["EVAL", "while true do end", "0"]]))
      yield* eventually(
        Effect.filterOrFail(
          Effect.flip(store.read("key")),
          (error) => tagAndReason(error) === "StoreUnavailable BUSY",
        ),
      )
      assert.strictEqual(yield* failure(store.write("key", VALUE)), "StoreUnavailable BUSY")
      yield* redis.cli("SCRIPT", "KILL")
      yield* eventually(store.write("key", VALUE))
    }),
  )

  it.live("a server that is loading is unavailable, and served when it has loaded", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make([
        "--key-load-delay",
        "50000",
        // It answers between such stretches of the file only.
        "--loading-process-events-interval-bytes",
        "1024",
        "--rdbcompression",
        "no",
      ])
      const store = yield* connect(redis.url)
      yield* Effect.forEach(Array.from({ length: 200 }), (_, index) =>
        store.write(`key ${index}`, utf8("x".repeat(1024))),
      )
      yield* redis.cli("SAVE")
      yield* redis.stop
      yield* redis.start
      yield* eventually(
        Effect.filterOrFail(
          Effect.flip(store.read("key 1")),
          (error) => tagAndReason(error) === "StoreUnavailable LOADING",
        ),
      )
      assert.strictEqual(yield* failure(store.write("key 1", VALUE)), "StoreUnavailable LOADING")
      yield* redis.cli("CONFIG", "SET", "key-load-delay", "0")
      const read = yield* eventually(store.read("key 1"))
      assert.isTrue(Option.isSome(read))
    }),
  )

  it.live("a database that cannot be selected is never replaced by another", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const store = yield* connect(`${redis.url}/99`, { timeoutMillis: 200 })
      assert.deepStrictEqual(
        new Set(yield* failures(store)),
        new Set(["StoreUnavailable ERR DB index is out of range"]),
      )
      assert.strictEqual(yield* redis.cli("DBSIZE"), 0)
    }),
  )

  it.live("a database that cannot be selected again after a reconnect is not replaced by another", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make(["--lua-time-limit", "20"])
      const store = yield* connect(`${redis.url}/3`, { timeoutMillis: 300 })
      yield* store.write("key", utf8("in 3"))
      yield* redis.cli("SET", "key", "in 0")
      yield* Effect.forkChild(redis.pipeline([["EVAL", "while true do end", "0"]]))
      yield* eventually(Effect.flip(store.read("key")))
      // CLIENT KILL is refused while a script runs; silence makes the store end the connection itself.
      yield* redis.pause
      yield* Effect.flip(store.read("key"))
      yield* redis.resume
      const seen = yield* Effect.forEach(Array.from({ length: 40 }), () =>
        Effect.delay(Effect.exit(store.read("key")), "5 millis"),
      )
      assert.isTrue(seen.every((exit) => exit._tag === "Failure"))
      yield* redis.cli("SCRIPT", "KILL")
      const read = yield* eventually(store.read("key"))
      assert.deepStrictEqual(Option.getOrThrow(read).bytes, utf8("in 3"))
    }),
  )
})
