import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import * as RedisProxy from "../RedisProxy.ts"
import * as RedisServer from "../RedisServer.ts"
import { eventually, timed } from "./outside.ts"
import * as TrackerNearCache from "./TrackerNearCache.ts"
import { data, followed, KILL, open, TIMEOUT_MILLIS } from "./TrackerOpen.ts"
import * as TrackerRecorder from "./TrackerRecorder.ts"

const { keysOf } = TrackerRecorder

/** What a loaded machine may add. */
const SLACK_MILLIS = 1000

/** A cache that is kept right by a tracker alone. */
const cached = Effect.fnUntraced(function* (redis: RedisServer.RedisServer["Service"], url = redis.url) {
  const near = TrackerNearCache.make(yield* data(redis.url))
  const { sink, tracker } = yield* followed(url, { timeoutMillis: TIMEOUT_MILLIS }, near.apply)
  /** Writes a value and has it in the cache. */
  const seed = (key: string, value: string) =>
    Effect.gen(function* () {
      yield* redis.cli("SET", key, value)
      yield* tracker.fence
      yield* near.read(key)
      assert.strictEqual(near.held().get(key), value)
      yield* sink.forget
    })
  return { near, seed, sink, tracker }
})

const ours = (redis: RedisServer.RedisServer["Service"]) =>
  Effect.map(redis.cli("CLIENT", "LIST"), (clients) => String(clients).match(/name=cache-mechanism/gu) ?? [])

describe("TrackerRedis when the connection is not what it seems", () => {
  it.live("a fence waits for what the server said before it", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const proxy = yield* RedisProxy.make(redis.port)
      const { sink, tracker } = yield* followed(proxy.url)
      for (let round = 0; round < 10; round++) {
        yield* proxy.hold("signals")
        yield* redis.cli("SET", "key", "1")
        const fence = yield* Effect.forkChild(tracker.fence)
        // Two more answers of the server, by other ways: time enough for what is not held back.
        yield* redis.cli("PING")
        yield* redis.cli("PING")
        assert.isUndefined(fence.pollUnsafe())
        assert.deepStrictEqual(sink.signals(), [])
        yield* proxy.release("signals")
        yield* Fiber.join(fence)
        assert.deepStrictEqual(keysOf(sink.signals()), ["key"])
        yield* sink.forget
      }
    }),
  )

  it.live("a fence does not share a PING that left before the write", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const proxy = yield* RedisProxy.make(redis.port)
      const { sink, tracker } = yield* followed(proxy.url)
      const first = yield* Effect.forkChild(tracker.fence)
      yield* Effect.sleep("1 millis")
      yield* proxy.hold("signals")
      const early = yield* Effect.forkChild(tracker.fence)
      yield* redis.cli("SET", "key", "1")
      const late = yield* Effect.forkChild(
        Effect.andThen(
          tracker.fence,
          Effect.sync(() => keysOf(sink.signals())),
        ),
      )
      yield* redis.cli("PING")
      yield* proxy.release("signals")
      yield* Fiber.join(first)
      yield* Fiber.join(early)
      assert.deepStrictEqual(yield* Fiber.join(late), ["key"])
    }),
  )

  it.live("a fence in flight fails when the connection is lost, and one that is not answered in time", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const proxy = yield* RedisProxy.make(redis.port)
      const { sink, tracker } = yield* followed(proxy.url)
      yield* proxy.hold("signals")
      const fence = yield* Effect.forkChild(Effect.flip(tracker.fence))
      yield* redis.cli(...KILL)
      assert.strictEqual((yield* Fiber.join(fence))._tag, "NotLive")
      yield* proxy.release("signals")
      yield* sink.until("Live")
      yield* redis.pause
      const [error, millis] = yield* timed(Effect.flip(tracker.fence))
      assert.strictEqual(error._tag, "NotLive")
      assert.isBelow(millis, 1000 + SLACK_MILLIS)
      yield* redis.resume
    }),
  )

  it.live("what changed while the connection was lost is not served after it", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const { near, seed, sink } = yield* cached(redis)
      for (let round = 0; round < 10; round++) {
        yield* seed("key", "old")
        yield* redis.pipeline([KILL, ["SET", "key", "new"]])
        yield* sink.until("Live")
        assert.strictEqual(yield* near.read("key"), "new")
        assert.deepStrictEqual(sink.tags(), ["Lost", "Live"])
      }
    }),
  )

  it.live("an answer from before a write, a flush or a loss does not enter a cache after it", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const send = yield* data(redis.url)
      const answer = Latch.makeUnsafe(true)
      const asked = Latch.makeUnsafe(false)
      const near = TrackerNearCache.make((command, key) =>
        Effect.tap(send(command, key), () => Effect.andThen(asked.open, answer.await)),
      )
      const { sink, tracker } = yield* followed(redis.url, {}, near.apply)
      const write = redis.cli("SET", "key", "new")
      const rounds: ReadonlyArray<readonly [string, Effect.Effect<unknown, unknown>]> = [
        ["write", Effect.andThen(write, tracker.fence)],
        ["flush", Effect.andThen(redis.cli("FLUSHALL"), tracker.fence)],
        ["loss", Effect.andThen(redis.pipeline([KILL, ["SET", "key", "new"]]), sink.until("Lost"))],
        ["return", Effect.andThen(redis.pipeline([KILL, ["SET", "key", "new"]]), sink.until("Live"))],
      ]
      for (const [name, disturb] of rounds) {
        yield* redis.cli("SET", "key", "old")
        yield* eventually(tracker.fence)
        yield* sink.forget
        yield* Effect.andThen(answer.close, asked.close)
        const read = yield* Effect.forkChild(near.read("key"))
        yield* asked.await
        yield* disturb
        yield* answer.open
        assert.strictEqual(yield* Fiber.join(read), "old", name)
        assert.strictEqual(near.held().size, 0, name)
      }
      yield* eventually(tracker.fence)
      yield* near.read("key")
      assert.strictEqual(near.held().get("key"), "new")
    }),
  )

  it.live("a server that stops answering is noticed in time, and followed again when it answers", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const { sink, tracker } = yield* followed(redis.url, { timeoutMillis: TIMEOUT_MILLIS })
      yield* redis.pause
      const [, millis] = yield* timed(sink.until("Lost"))
      assert.isBelow(millis, 250 + TIMEOUT_MILLIS + SLACK_MILLIS)
      assert.deepStrictEqual(sink.signals(), [{ _tag: "Lost", reason: "no answer in time" }])
      // Its connections come about and say nothing: that is not live, and no second loss.
      yield* Effect.sleep(3 * TIMEOUT_MILLIS)
      assert.notStrictEqual(tracker.status(), "live")
      assert.deepStrictEqual(sink.tags(), ["Lost"])
      yield* redis.resume
      yield* sink.until("Live")
      assert.deepStrictEqual(keysOf(yield* sink.heardOf(redis.cli("SET", "key", "1"))), ["key"])
    }),
  )

  it.live("tracking that ended on a healthy connection is found by the canary, and nothing else", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const proxy = yield* RedisProxy.make(redis.port)
      const { near, seed, sink, tracker } = yield* cached(redis, proxy.url)
      yield* seed("key", "old")
      yield* proxy.untrack
      yield* redis.cli("SET", "key", "new")
      // This is why there is a canary: the fence holds and yet the sink has not heard.
      yield* tracker.fence
      assert.strictEqual(yield* near.read("key"), "old")
      const [, millis] = yield* timed(sink.until("Live"))
      assert.isBelow(millis, 1250 + SLACK_MILLIS)
      assert.deepStrictEqual(sink.signals().slice(-2), [
        { _tag: "Lost", reason: "a write was not heard of" },
        { _tag: "Live" },
      ])
      assert.strictEqual(yield* near.read("key"), "new")
    }),
  )

  it.live("it starts without a server, and follows when there is one", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      yield* redis.stop
      const [tracker, millis] = yield* timed(open(redis.url, { timeoutMillis: TIMEOUT_MILLIS }))
      assert.isBelow(millis, 2 * TIMEOUT_MILLIS + SLACK_MILLIS)
      const sink = yield* TrackerRecorder.follow(tracker)
      assert.deepStrictEqual([tracker.status(), sink.tags()], ["down", []])
      yield* redis.start
      yield* sink.until("Live")
      assert.deepStrictEqual(keysOf(yield* sink.heardOf(redis.cli("SET", "key", "1"))), ["key"])
    }),
  )

  it.live("a server that died and came back empty", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const { near, seed, sink, tracker } = yield* cached(redis)
      yield* seed("key", "old")
      yield* redis.stop
      yield* sink.until("Lost")
      assert.strictEqual(near.held().size, 0)
      assert.strictEqual((yield* Effect.flip(tracker.fence))._tag, "NotLive")
      yield* redis.start
      yield* sink.until("Live")
      assert.strictEqual(yield* eventually(near.read("key")), "null")
      assert.deepStrictEqual(sink.tags(), ["Lost", "Live"])
    }),
  )

  it.live("more than the server keeps for a reader is a loss that is heard", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make(["--client-output-buffer-limit", "pubsub 100kb 0 0"])
      const { near, seed, sink } = yield* cached(redis)
      yield* seed("key 1", "old")
      const flood = "for i = 1, 50000 do redis.call('SET', 'key ' .. i, 'new') end"
      yield* redis.cli("EVAL", flood, "0")
      yield* sink.until("Live")
      assert.deepStrictEqual(sink.tags(), ["Lost", "Live"])
      assert.strictEqual(yield* near.read("key 1"), "new")
    }),
  )

  it.live("a canary that is late because everything is late is no loss", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const proxy = yield* RedisProxy.make(redis.port)
      const { sink } = yield* followed(proxy.url)
      yield* sink.until("RoundTrip")
      // The next canary leaves meanwhile; still shorter than the silence that is a loss.
      yield* Effect.sleep("800 millis")
      yield* proxy.hold("signals")
      yield* Effect.sleep("700 millis")
      yield* proxy.release("signals")
      yield* sink.until("RoundTrip", 2)
      assert.isAbove(sink.roundTrips()[1] ?? 0, 300)
      assert.isFalse(sink.tags().includes("Lost"))
    }),
  )

  it.live("under cuts of the connection a cache that asks the tracker ends up right", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const send = yield* data(redis.url)
      const { near, sink, tracker } = yield* cached(redis)
      const keys = Array.from({ length: 50 }, (_, index) => `key ${index}`)
      let done = false
      let number = 0
      const write = Effect.suspend(() => send("SET", keys[number++ % keys.length] ?? "", `${number}`)).pipe(
        Effect.andThen(Effect.sleep("1 millis")),
        Effect.repeat({ while: () => !done }),
      )
      const read = Effect.forEach(keys, near.read, { concurrency: "unbounded" }).pipe(
        Effect.andThen(Effect.yieldNow),
        Effect.repeat({ while: () => !done }),
      )
      const fibers = yield* Effect.forEach([write, write, read, read, read], (fiber) =>
        Effect.forkChild(fiber),
      )
      for (let cut = 0; cut < 30; cut++) {
        yield* Effect.sleep("100 millis")
        yield* redis.cli(...KILL)
      }
      done = true
      yield* Effect.forEach(fibers, Fiber.join)
      assert.isAbove(sink.tags().filter((tag) => tag === "Lost").length, 20)
      yield* eventually(tracker.fence)
      yield* Effect.forEach(keys, near.read)
      yield* tracker.fence
      assert.isAbove(near.held().size, 40)
      for (const [key, value] of near.held()) {
        assert.strictEqual(value, yield* redis.cli("GET", key), key)
      }
    }),
  )
})

describe("TrackerRedis at the end of its scope", () => {
  it.live("leaves no connection, whatever it was doing", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      for (const millis of [0, 0, 1, 2, 3, 5, 10, 50]) {
        const scope = yield* Scope.make()
        const opening = yield* Effect.forkChild(Scope.provide(open(redis.url), scope))
        yield* Effect.sleep(millis)
        yield* Fiber.interrupt(opening)
        yield* Scope.close(scope, Exit.void)
        yield* eventually(Effect.filterOrFail(ours(redis), ({ length }) => length === 0))
      }
    }),
  )

  it.live("says nothing more, and does not come back", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const scope = yield* Scope.make()
      const { sink, tracker } = yield* Scope.provide(followed(redis.url), scope)
      yield* redis.cli(...KILL)
      yield* sink.until("Lost")
      yield* Scope.close(scope, Exit.void)
      yield* sink.forget
      yield* Effect.sleep("300 millis")
      assert.deepStrictEqual(sink.tags(), [])
      assert.strictEqual((yield* Effect.flip(tracker.fence))._tag, "NotLive")
      assert.strictEqual((yield* ours(redis)).length, 0)
    }),
  )
})
