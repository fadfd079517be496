import { createServer, type Server } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { Store } from "../../src/store/Store.ts"
import * as RedisServer from "../RedisServer.ts"
import { connect, eventually, timed } from "./outside.ts"
import { utf8 } from "./samples.ts"

const VALUE = utf8("value")
const TIMEOUT_MILLIS = 250
/** What a loaded machine may add. */
const SLACK_MILLIS = 2000

const STALLED = "StoreUnavailable connection lost"

const reasonOf = <A, E extends { readonly _tag: string; readonly reason?: string }, R>(
  effect: Effect.Effect<A, E, R>,
) => Effect.map(Effect.flip(effect), (error) => `${error._tag} ${error.reason ?? ""}`)

/** Accepts connections, answers the first command of each, and then no more; its port. */
const greeter = Effect.acquireRelease(
  Effect.promise(
    () =>
      new Promise<Server>((resolve) => {
        const server = createServer((socket) => {
          socket.once("data", () => socket.write("+OK\r\n"))
          socket.on("error", () => {})
        })
        server.listen(0, "127.0.0.1", () => resolve(server))
      }),
  ),
  (server) => Effect.sync(() => server.close()),
).pipe(
  Effect.map((server) => {
    const address = server.address()
    return typeof address === "object" && address !== null ? address.port : 0
  }),
)

describe("StoreRedis when Redis is away", () => {
  it.live("a server that stops answering: reads are unavailable and writes unknown, in time", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const store = yield* connect(redis.url, { timeoutMillis: TIMEOUT_MILLIS })
      yield* store.write("key", VALUE)
      yield* redis.pause
      const [errors, millis] = yield* timed(
        Effect.all(
          [
            Effect.flip(store.read("key")),
            Effect.flip(store.readMany(["key"])),
            Effect.flip(store.count),
            Effect.flip(store.list({ prefix: "", limit: 1, cursor: Option.none() })),
            Effect.flip(store.write("key", utf8("new"))),
            Effect.flip(store.remove("other")),
          ],
          { concurrency: "unbounded" },
        ),
      )
      assert.isBelow(millis, TIMEOUT_MILLIS + SLACK_MILLIS)
      assert.deepStrictEqual(
        errors.map(({ _tag }) => _tag),
        [...Array.from({ length: 4 }, () => "StoreUnavailable"), "OutcomeUnknown", "OutcomeUnknown"],
      )
      yield* redis.resume
      yield* eventually(store.read("key"))
    }),
  )

  it.live("once a server has stopped answering, nothing is sent to it until it answers again", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const store = yield* connect(redis.url, { timeoutMillis: TIMEOUT_MILLIS })
      yield* redis.pause
      yield* Effect.flip(store.read("key"))
      yield* eventually(Effect.filterOrFail(reasonOf(store.read("key")), (reason) => reason !== STALLED))
      // New connections come about all the while: the kernel accepts them. A write through one would be unknown.
      for (let round = 0; round < 60; round++) {
        assert.match(yield* reasonOf(store.write("key", VALUE)), /^StoreUnavailable /u)
        yield* Effect.sleep("10 millis")
      }
      yield* redis.resume
      assert.deepStrictEqual(yield* eventually(store.read("key")), Option.none())
    }),
  )

  it.live("a connection that was greeted but is not answered is not written to", () =>
    Effect.gen(function* () {
      const port = yield* greeter
      const store = yield* connect(`redis://127.0.0.1:${port}`, { timeoutMillis: TIMEOUT_MILLIS })
      for (let round = 0; round < 60; round++) {
        assert.match(yield* reasonOf(store.write("key", VALUE)), /^StoreUnavailable /u)
        yield* Effect.sleep("10 millis")
      }
    }),
  )

  it.live("a server that dies: what was sent is unknown at once, not when its time is over", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const store = yield* connect(redis.url, { timeoutMillis: 60_000 })
      yield* redis.pause
      const write = yield* Effect.forkChild(reasonOf(store.write("key", VALUE)))
      const read = yield* Effect.forkChild(reasonOf(store.read("key")))
      yield* Effect.sleep("20 millis")
      yield* redis.stop
      assert.strictEqual(yield* Fiber.join(write), "OutcomeUnknown connection lost")
      assert.strictEqual(yield* Fiber.join(read), "StoreUnavailable connection lost")
    }),
  )

  it.live("while no server is there, everything is unavailable at once, and is not done later", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const store = yield* connect(redis.url)
      yield* redis.stop
      yield* eventually(
        Effect.filterOrFail(
          reasonOf(store.write("key", VALUE)),
          (reason) => reason === "StoreUnavailable connect ECONNREFUSED",
        ),
      )
      const [reason, millis] = yield* timed(reasonOf(store.read("key")))
      assert.strictEqual(reason, "StoreUnavailable connect ECONNREFUSED")
      assert.isBelow(millis, SLACK_MILLIS)
      yield* redis.start
      assert.deepStrictEqual(yield* eventually(store.read("key")), Option.none())
      assert.isTrue((yield* store.write("key", VALUE)).created)
    }),
  )

  it.live("a store starts without a server, waits no longer than its time, and works when there is one", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      yield* redis.stop
      const [store, millis] = yield* timed(connect(redis.url, { timeoutMillis: TIMEOUT_MILLIS }))
      assert.isBelow(millis, TIMEOUT_MILLIS + SLACK_MILLIS)
      assert.strictEqual(yield* reasonOf(store.probe), "StoreUnavailable connect ECONNREFUSED")
      yield* redis.start
      assert.isTrue((yield* eventually(store.write("key", VALUE))).created)
    }),
  )

  it.live("a host that does not exist is unavailable, and no reason names it", () =>
    Effect.gen(function* () {
      const store = yield* connect("redis://name.invalid:6379", { timeoutMillis: TIMEOUT_MILLIS })
      const reason = yield* reasonOf(store.probe)
      assert.match(reason, /^StoreUnavailable (?:getaddrinfo|connect|not connected)/u)
      assert.notInclude(reason, "invalid")
    }),
  )

  it.live("a connection that is cut is replaced", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const store = yield* connect(redis.url)
      for (let round = 0; round < 5; round++) {
        yield* redis.cli("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        yield* eventually(store.write("key", VALUE))
      }
    }),
  )

  it.live("a write whose connection was cut is not sent again", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const store = yield* connect(redis.url)
      yield* store.write("other", VALUE)
      yield* redis.cli("CLIENT", "PAUSE", "60000", "WRITE")
      const write = yield* Effect.forkChild(reasonOf(store.write("key", VALUE)))
      yield* eventually(
        Effect.filterOrFail(redis.cli("INFO", "clients"), (info) => /blocked_clients:1/u.test(String(info))),
      )
      yield* redis.cli("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
      assert.strictEqual(yield* Fiber.join(write), "OutcomeUnknown connection lost")
      yield* redis.cli("CLIENT", "UNPAUSE")
      assert.deepStrictEqual(yield* eventually(store.read("key")), Option.none())
      assert.strictEqual(yield* redis.cli("EXISTS", "key"), 0)
    }),
  )

  it.live("under cuts nothing hangs, and what was acknowledged is there", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const store = yield* connect(redis.url)
      const cuts = yield* Effect.forkChild(
        Effect.forever(
          Effect.delay(redis.cli("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"), "15 millis"),
        ),
      )
      const acknowledged = new Map<string, number>()
      const tags = new Map<string, number>()
      const writer = (key: string) =>
        Effect.gen(function* () {
          for (let value = 1; value <= 150; value++) {
            const exit = yield* Effect.exit(store.write(key, utf8(`${value}`)))
            if (Exit.isSuccess(exit)) acknowledged.set(key, value)
            else {
              const tag = yield* Effect.map(Effect.flip(exit), (error) => error._tag)
              tags.set(tag, (tags.get(tag) ?? 0) + 1)
            }
            yield* Effect.sleep("1 millis")
          }
        })
      const keys = Array.from({ length: 10 }, (_, index) => `key ${index}`)
      yield* Effect.timeout(Effect.forEach(keys, writer, { concurrency: "unbounded" }), "25 seconds")
      yield* Fiber.interrupt(cuts)
      assert.isAbove(tags.size, 0)
      for (const tag of tags.keys()) assert.include(["StoreUnavailable", "OutcomeUnknown"], tag)
      for (const key of keys) {
        const read = Option.getOrThrow(yield* eventually(store.read(key)))
        assert.isAtLeast(Number(Buffer.from(read.bytes).toString()), acknowledged.get(key) ?? NaN)
      }
    }),
  )

  it.live("after its scope a store is unavailable and has no connection left", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const scope = yield* Scope.make()
      const store: Store["Service"] = yield* connect(redis.url).pipe(Scope.provide(scope))
      yield* store.write("key", VALUE)
      assert.include(String(yield* redis.cli("CLIENT", "LIST")), "name=cache-mechanism")
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* reasonOf(store.write("key", VALUE)), "StoreUnavailable connection closed")
      yield* eventually(
        Effect.filterOrFail(
          redis.cli("CLIENT", "LIST"),
          (clients) => !String(clients).includes("name=cache-mechanism"),
        ),
      )
    }),
  )
})
