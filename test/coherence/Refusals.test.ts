/** The server does not tell, or not any more: L1 finds out, says so, and serves nothing for longer than it may. */
import { Worker } from "node:worker_threads"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Cache from "../../src/cache/Cache.ts"
import * as L1 from "../../src/cache/L1.ts"
import * as CacheState from "../../src/core/CacheState.ts"
import { Tracker } from "../../src/store/Tracker.ts"
import { RedisProxy } from "../RedisProxy.ts"
import * as RedisServer from "../RedisServer.ts"
import type * as Flood from "./Flood.ts"
import { agree, at, fence, foreign, held, hold, layer, live, notLive, proxied, read } from "./Coherent.ts"

/** On a user who may do everything but what `rules` take away again. */
const limited = (rules: ReadonlyArray<string>, options: Parameters<typeof at>[1]) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { cli, port } = yield* RedisServer.RedisServer
      yield* cli("ACL", "SETUSER", "limited", "on", ">pw", "~*", "&*", "+@all", ...rules)
      return at(`redis://limited:pw@127.0.0.1:${port}`, options)
    }),
  ).pipe(Layer.provideMerge(foreign), Layer.provideMerge(RedisServer.layer))

/** How often the server has refused this, as it keeps count. */
const refusals = (what: string) =>
  Effect.gen(function* () {
    const { cli } = yield* RedisServer.RedisServer
    const log = yield* cli("ACL", "LOG")
    const entries = Array.isArray(log) ? log.filter(Array.isArray) : []
    return entries
      .filter((entry) => entry.includes(what))
      .reduce((sum, entry) => sum + Number(entry[entry.indexOf("count") + 1]), 0)
  })

const connections = Effect.gen(function* () {
  const { cli } = yield* RedisServer.RedisServer
  return Number(/total_connections_received:(\d+)/u.exec(String(yield* cli("INFO", "stats")))?.[1])
})

/** A copy is kept for a moment, and then what somebody wrote is read, though nobody told. */
const isShortLived = Effect.fnUntraced(function* (key: string) {
  const { cli } = yield* RedisServer.RedisServer
  yield* cli("SET", key, "1")
  assert.strictEqual(yield* read(key), "1")
  assert.strictEqual(yield* held(key), "1")
  yield* cli("SET", key, "2")
  yield* Effect.repeat(read(key), { until: (value) => value === "2", schedule: Schedule.spaced("5 millis") })
})

describe("coherence without being told", () => {
  it.live("24: tracking that ended on a healthy connection is found out, and begun again", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      const proxy = yield* RedisProxy
      yield* hold("k24", "1")
      yield* proxy.untrack
      yield* cli("SET", "k24", "2")
      // This is why there is a canary: the fence holds, and yet nothing was heard.
      yield* fence
      assert.strictEqual(yield* held("k24"), "1")
      yield* Effect.timeout(notLive, "5 seconds")
      assert.strictEqual(yield* held("k24"), "nothing")
      assert.strictEqual(yield* read("k24"), "2")
      yield* live
      yield* hold("k24", "3")
      yield* cli("SET", "k24", "4")
      yield* agree(["k24"])
      assert.strictEqual(yield* read("k24"), "4")
    }).pipe(Effect.provide(proxied())),
  )

  it.live(
    "26: without the right to listen copies are short-lived, with one warning, until it is granted",
    () => {
      const warnings: Array<string> = []
      const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
        if (logLevel === "Warn") warnings.push(String(message))
      })
      return Effect.gen(function* () {
        const { cli } = yield* RedisServer.RedisServer
        const { status } = yield* Tracker
        assert.strictEqual(status(), "unsupported")
        yield* isShortLived("k26")
        // Asked again and again meanwhile.
        yield* Effect.repeat(refusals("__redis__:invalidate"), { until: (count) => count >= 3 })
        assert.strictEqual(status(), "unsupported")
        assert.deepStrictEqual(warnings, ["tracking is refused: L1 is a short-lived cache"])
        yield* cli("ACL", "SETUSER", "limited", "&*")
        yield* live
        yield* hold("k26", "3")
        yield* cli("SET", "k26", "4")
        yield* agree(["k26"])
        assert.strictEqual(yield* read("k26"), "4")
        assert.strictEqual(warnings.length, 1)
      }).pipe(Effect.provide(limited(["resetchannels"], { logger, refusedPauseMillis: 50 })))
    },
  )

  it.live("26: a right that is taken away while it is live is a loss first, and then a refusal", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      const { status } = yield* Tracker
      yield* hold("k26", "0")
      // Ends the connection of a user who may not listen any more.
      yield* cli("ACL", "SETUSER", "limited", "resetchannels")
      yield* notLive
      assert.strictEqual(yield* held("k26"), "nothing")
      yield* Effect.repeat(Effect.sync(status), {
        until: (now) => now === "unsupported",
        schedule: Schedule.spaced("1 millis"),
      })
      yield* isShortLived("k26")
    }).pipe(Effect.provide(limited([], {}))),
  )

  const old = layer({}, ["--rename-command", "CLIENT", ""])
  for (const [name, refusing] of [
    ["a server that does not know the commands", old],
    ["a proxy that rejects CLIENT TRACKING", limited(["-client|tracking"], {})],
  ] as const) {
    it.live(`27: on ${name} copies are short-lived, and it is left alone`, () =>
      Effect.gen(function* () {
        const { status } = yield* Tracker
        assert.strictEqual(status(), "unsupported")
        const before = yield* connections
        yield* isShortLived("k27")
        // Of this test: two writes, and the count itself.
        assert.strictEqual((yield* connections) - before, 3)
        assert.strictEqual(status(), "unsupported")
      }).pipe(Effect.provide(refusing)),
    )
  }

  it.live("28: a process that did not read for so long that the server gave it up begins anew", () =>
    Effect.gen(function* () {
      const { cli, port } = yield* RedisServer.RedisServer
      const { stats } = yield* Cache.Cache
      const { current, now } = yield* L1.L1
      const keys = Array.from({ length: 20 }, (_, index) => `k28:${index}`)
      for (const key of keys) yield* hold(key, "old")
      const { epoch } = yield* stats
      const done = new Int32Array(new SharedArrayBuffer(4))
      const workerData: Flood.Options = {
        port,
        done,
        first: ["MSET", ...keys.flatMap((key) => [key, "new"])],
      }
      const worker = yield* Effect.acquireRelease(
        Effect.sync(() => new Worker(new URL("./Flood.ts", import.meta.url), { workerData })),
        (started) => Effect.promise(() => started.terminate()),
      )
      yield* Effect.callback<void>((resume) => {
        worker.once("message", () => resume(Effect.void))
        worker.once("error", (error) => resume(Effect.die(error)))
      })
      // In this very turn the whole process goes blind, until the server has closed its connection.
      worker.postMessage("go")
      assert.notStrictEqual(Atomics.wait(done, 0, 0, BLOCKED_MAX_MILLIS), "timed-out")
      assert.strictEqual(CacheState.peek(current(), "k28:0", now())?.value, "old")
      yield* Effect.repeat(Effect.andThen(Effect.yieldNow, stats), { until: (seen) => seen.epoch > epoch })
      for (const key of keys) assert.strictEqual(yield* held(key), "nothing")
      yield* live
      for (const key of keys) assert.strictEqual(yield* read(key), "new")
      yield* cli("SET", "k28:0", "newer")
      yield* agree(keys)
      assert.strictEqual(yield* read("k28:0"), "newer")
    }).pipe(Effect.scoped, Effect.provide(layer({}, ["--client-output-buffer-limit", "pubsub 100kb 0 0"]))),
  )
})

const BLOCKED_MAX_MILLIS = 20_000
