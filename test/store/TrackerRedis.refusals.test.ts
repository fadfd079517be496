import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as RedisServer from "../RedisServer.ts"
import { eventually } from "./outside.ts"
import { followed, KILL, open } from "./TrackerOpen.ts"
import * as TrackerRecorder from "./TrackerRecorder.ts"

/** A user who may do everything but what `rules` take away again. */
const userOf = (redis: RedisServer.RedisServer["Service"], ...rules: ReadonlyArray<string>) =>
  Effect.as(
    redis.cli("ACL", "SETUSER", "user", "reset", "on", ">password", "+@all", "~*", "&*", ...rules),
    `redis://user:password@127.0.0.1:${redis.port}`,
  )

const NO_CHANNELS = ["resetchannels"]

/** How often arming was refused, as the server keeps count. */
const refusals = (redis: RedisServer.RedisServer["Service"]) =>
  Effect.map(redis.cli("ACL", "LOG"), (log) =>
    (Array.isArray(log) ? log.filter(Array.isArray) : [])
      .filter((entry) => entry.includes("__redis__:invalidate"))
      .reduce((sum, entry) => sum + Number(entry[entry.indexOf("count") + 1]), 0),
  )

const LOOP = ["EVAL", "while true do end", "0"]

const untilBusy = (redis: RedisServer.RedisServer["Service"]) =>
  eventually(Effect.filterOrFail(redis.pipeline([["PING"]]), ([reply]) => String(reply).includes("BUSY")))

describe("TrackerRedis when the server refuses", () => {
  for (const [name, rules, reason] of [
    ["the channel", NO_CHANNELS, "+subscribe &__redis__:invalidate: NOPERM"],
    ["SUBSCRIBE", ["-subscribe"], "+subscribe &__redis__:invalidate: NOPERM"],
    ["CLIENT TRACKING", ["-client|tracking"], "+client|tracking: NOPERM"],
    ["CLIENT", ["-client"], "+client|id: NOPERM"],
  ] as const) {
    it.live(`${name}: it is unsupported, says what to grant, and leaves the server alone`, () =>
      Effect.gen(function* () {
        const redis = yield* RedisServer.make()
        const tracker = yield* open(yield* userOf(redis, ...rules))
        assert.strictEqual(tracker.status(), "unsupported")
        const sink = yield* TrackerRecorder.follow(tracker)
        assert.deepStrictEqual(sink.signals(), [{ _tag: "Unsupported", reason }])
        assert.strictEqual((yield* Effect.flip(tracker.fence)).reason, "unsupported")
        const connections = Effect.map(redis.cli("INFO", "stats"), (info) =>
          Number(/total_connections_received:(\d+)/u.exec(String(info))?.[1]),
        )
        const before = yield* connections
        yield* Effect.sleep("1500 millis")
        // Only the questions of this test.
        assert.strictEqual((yield* connections) - before, 1)
        assert.deepStrictEqual(sink.tags(), ["Unsupported"])
      }),
    )
  }

  it.live("a server without the commands is unsupported", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make(["--rename-command", "CLIENT", ""])
      const tracker = yield* open(redis.url)
      const sink = yield* TrackerRecorder.follow(tracker)
      assert.deepStrictEqual(sink.signals(), [
        { _tag: "Unsupported", reason: "+client|id: ERR unknown command" },
      ])
    }),
  )

  it.live("rights that are taken away while it is live are a loss, then unsupported", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const { sink, tracker } = yield* followed(yield* userOf(redis))
      yield* redis.cli("ACL", "SETUSER", "user", "resetchannels")
      yield* sink.until("Unsupported")
      assert.deepStrictEqual(sink.tags(), ["Lost", "Unsupported"])
      assert.strictEqual(tracker.status(), "unsupported")
    }),
  )

  it.live(
    "a server that refuses again and again is unsupported once, and live when it does not any more",
    () =>
      Effect.gen(function* () {
        const redis = yield* RedisServer.make()
        const tracker = yield* open(yield* userOf(redis, ...NO_CHANNELS), { refusedPauseMillis: 50 })
        const sink = yield* TrackerRecorder.follow(tracker)
        yield* eventually(Effect.filterOrFail(refusals(redis), (count) => count >= 4))
        assert.deepStrictEqual(sink.tags(), ["Unsupported"])
        assert.strictEqual(tracker.status(), "unsupported")
        yield* redis.cli("ACL", "SETUSER", "user", "&*")
        yield* sink.until("Live")
        assert.deepStrictEqual(sink.tags(), ["Unsupported", "Live"])
        assert.strictEqual(tracker.status(), "live")
        assert.deepStrictEqual(TrackerRecorder.keysOf(yield* sink.heardOf(redis.cli("SET", "key", "1"))), [
          "key",
        ])
        // And unsupported once more, which is told once more.
        yield* sink.forget
        yield* redis.cli("ACL", "SETUSER", "user", ...NO_CHANNELS)
        yield* sink.until("Unsupported")
        const before = yield* refusals(redis)
        yield* eventually(Effect.filterOrFail(refusals(redis), (count) => count >= before + 3))
        assert.deepStrictEqual(sink.tags(), ["Lost", "Unsupported"])
      }),
  )

  it.live(
    "a sink that comes after the refusal is over hears that it is live, and nothing of the refusal",
    () =>
      Effect.gen(function* () {
        const redis = yield* RedisServer.make()
        const tracker = yield* open(yield* userOf(redis, ...NO_CHANNELS), { refusedPauseMillis: 50 })
        assert.strictEqual(tracker.status(), "unsupported")
        yield* redis.cli("ACL", "SETUSER", "user", "&*")
        yield* eventually(tracker.fence)
        yield* redis.cli(...KILL)
        yield* Effect.repeat(Effect.andThen(Effect.yieldNow, Effect.sync(tracker.status)), {
          until: (status) => status !== "live",
        })
        const sink = yield* TrackerRecorder.follow(tracker)
        yield* sink.until("Live")
        assert.isFalse(sink.tags().includes("Unsupported"))
      }),
  )

  it.live("a full server refuses everything for a moment: that is not unsupported", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const { sink, tracker } = yield* followed(redis.url)
      // The canary's connection and this one: there is no room for a third.
      yield* redis.pipeline([
        ["CONFIG", "SET", "maxclients", "2"],
        KILL,
        ["BLPOP", "nothing", "0.5"],
        ["CONFIG", "SET", "maxclients", "100"],
      ])
      yield* sink.until("Live")
      assert.match(String(yield* redis.cli("INFO", "stats")), /rejected_connections:[1-9]/u)
      assert.deepStrictEqual(sink.tags(), ["Lost", "Live"])
      assert.strictEqual(tracker.status(), "live")
    }),
  )

  it.live("without the right to write the canary it is live all the same, and says so once", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const url = yield* userOf(redis, "-set")
      const messages: Array<string> = []
      const logger = Logger.make<unknown, void>(({ message }) => void messages.push(String(message)))
      const { sink, tracker } = yield* Effect.provide(followed(url), Logger.layer([logger]))
      yield* Effect.sleep("2500 millis")
      assert.strictEqual(tracker.status(), "live")
      assert.deepStrictEqual(sink.roundTrips(), [])
      assert.deepStrictEqual(TrackerRecorder.keysOf(yield* sink.heardOf(redis.cli("SET", "key", "1"))), [
        "key",
      ])
      assert.strictEqual(messages.filter((message) => message.includes("canary")).length, 1)
    }),
  )

  it.live("a server that is busy with a script refuses for a moment: that is not unsupported", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make(["--busy-reply-threshold", "20"])
      const { sink, tracker } = yield* followed(redis.url)
      const busy = yield* Effect.forkChild(redis.pipeline([KILL, LOOP]))
      yield* sink.until("Lost")
      yield* untilBusy(redis)
      // Some attempts to arm, each answered with BUSY.
      yield* Effect.sleep("400 millis")
      assert.notStrictEqual(tracker.status(), "live")
      yield* redis.cli("SCRIPT", "KILL")
      yield* Fiber.join(busy)
      yield* sink.until("Live")
      assert.deepStrictEqual(sink.tags(), ["Lost", "Live"])
    }),
  )

  it.live("a server that is busy with a script answers with errors, and those make no fence", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make(["--busy-reply-threshold", "20"])
      const { sink, tracker } = yield* followed(redis.url)
      const busy = yield* Effect.forkChild(redis.pipeline([["SET", "key", "1"], LOOP]))
      yield* untilBusy(redis)
      assert.deepStrictEqual(sink.tags(), [])
      assert.strictEqual((yield* Effect.flip(tracker.fence)).reason, "BUSY")
      yield* redis.cli("SCRIPT", "KILL")
      yield* Fiber.join(busy)
      yield* tracker.fence
      assert.deepStrictEqual(TrackerRecorder.keysOf(sink.signals()), ["key"])
      assert.isFalse(sink.tags().includes("Lost"))
    }),
  )
})
