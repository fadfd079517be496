/**
 * Answers that were true when they left and are not when they arrive. A proxy holds them back, so each race is
 * run, not hoped for.
 *
 * Those that the tokens decide are functions that count what is wrong, and are run a second time without the
 * tokens: then they must find something, else they prove nothing (scenario 49; of 22 in `Kills.test.ts`).
 */
import { setImmediate } from "node:timers/promises"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Cache from "../../src/cache/Cache.ts"
import { RedisServer } from "../RedisServer.ts"
import * as RedisWire from "../RedisWire.ts"
import {
  fence,
  held,
  hold,
  inFlight,
  land,
  layer,
  type Options,
  pooled,
  proxied,
  read,
  text,
} from "./Coherent.ts"

/** What was begun before has left this process. */
const sent = Effect.promise(() => setImmediate()).pipe(Effect.repeat({ times: 2 }))

/** Question and write reach the server while it is stopped, and are answered in one go. */
const inOneCycle = Effect.gen(function* () {
  const server = yield* RedisServer
  const { invalidate } = yield* Cache.Cache
  const other = yield* Effect.acquireRelease(
    Effect.promise(() => RedisWire.open(server.port)),
    ({ close }) => Effect.sync(close),
  )
  const write = (value: string) => other.send([["SET", "k2", value]])
  let wrong = 0
  for (let round = 0; round < 150; round++) {
    yield* Effect.promise(() => write(`old ${round}`))
    yield* fence
    yield* invalidate(["k2"])
    yield* server.pause
    const reader = yield* Effect.forkChild(read("k2"), { startImmediately: true })
    yield* sent
    const written = write(`new ${round}`)
    yield* sent
    yield* server.resume
    yield* Effect.promise(() => written)
    yield* Fiber.join(reader)
    yield* fence
    if (!["nothing", `new ${round}`].includes(yield* held("k2"))) wrong++
  }
  return wrong
}).pipe(Effect.scoped)

/** The invalidation comes first, then the answer from before the write. */
const afterInvalidation = Effect.gen(function* () {
  const { cli } = yield* RedisServer
  let wrong = 0
  for (let round = 0; round < 20; round++) {
    yield* cli("SET", "k3", `old ${round};`)
    yield* fence
    const reader = yield* inFlight("k3", `old ${round};`)
    yield* cli("SET", "k3", `new ${round};`)
    yield* fence
    assert.strictEqual(yield* land(reader), `old ${round};`)
    if ((yield* held("k3")) !== "nothing") wrong++
    if ((yield* read("k3")) !== `new ${round};`) wrong++
  }
  return wrong
})

/** On another connection than the writes, a question from before a write is answered after it. */
const readYourWrites = Effect.gen(function* () {
  const { invalidate, put } = yield* Cache.Cache
  let wrong = 0
  yield* put("k5", text("value 0;"))
  for (let round = 1; round <= 300; round++) {
    const [before, now] = [`value ${round - 1};`, `value ${round};`]
    yield* fence
    yield* invalidate(["k5"])
    const earlier = yield* inFlight("k5", before)
    yield* put("k5", text(now))
    const atOnce = yield* Effect.forkChild(read("k5"), { startImmediately: true })
    assert.strictEqual(yield* land(earlier), before)
    for (const seen of [yield* read("k5"), yield* Fiber.join(atOnce)]) if (seen !== now) wrong++
  }
  return wrong
})

/** A flush, and then the answer from before it. */
const afterFlush = Effect.gen(function* () {
  const { cli, pipeline } = yield* RedisServer
  const { stats } = yield* Cache.Cache
  let wrong = 0
  for (const flush of [
    [["FLUSHALL"]],
    [["FLUSHDB"]],
    [["FLUSHALL", "ASYNC"]],
    [["FLUSHDB", "ASYNC"]],
    [["SELECT", "1"], ["FLUSHDB"]],
  ]) {
    yield* hold("k11b", "1")
    yield* cli("SET", "k11", "old")
    yield* fence
    const reader = yield* inFlight("k11", "old")
    yield* pipeline(flush)
    yield* fence
    assert.strictEqual(yield* land(reader), "old")
    wrong += (yield* stats).entries
  }
  return wrong
})

/** With the guard, and without it. */
const race = <R, E, F>(
  title: string,
  over: (options: Options) => Layer.Layer<R, E>,
  wrong: Effect.Effect<number, F, R>,
) => {
  it.live(title, () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* wrong, 0)
    }).pipe(Effect.provide(over({}))),
  )

  it.live(`49: without the guard this is seen to fail: ${title}`, () =>
    Effect.gen(function* () {
      assert.isAbove(yield* wrong, 0)
    }).pipe(Effect.provide(over({ guard: false }))),
  )
}

describe("coherence in races", () => {
  race(
    "2: L1 never keeps what a write overtook while it was being fetched, both answered in one cycle",
    layer,
    inOneCycle,
  )
  race(
    "3: an answer that an invalidation has overtaken reaches its reader, and does not enter",
    proxied,
    afterInvalidation,
  )
  race(
    "5: any fiber reads what another was told is written, though an older question is answered later",
    pooled,
    readYourWrites,
  )
  race("11: an answer that a flush has overtaken does not enter", proxied, afterFlush)

  it.live("2: nor with an own write on the same connection, in the same packet", () =>
    Effect.gen(function* () {
      const { invalidate, put } = yield* Cache.Cache
      for (let round = 0; round < 200; round++) {
        yield* invalidate(["k2"])
        const reader = yield* Effect.forkChild(read("k2"), { startImmediately: true })
        yield* put("k2", text(String(round)))
        assert.strictEqual(yield* read("k2"), String(round))
        yield* Fiber.join(reader)
        yield* fence
        assert.include(["nothing", String(round)], yield* held("k2"))
      }
    }).pipe(Effect.provide(layer())),
  )

  it.live("5: on one connection too, with readers that never stop", () =>
    Effect.gen(function* () {
      const { put } = yield* Cache.Cache
      const latest = { acknowledged: -1 }
      const reader = Effect.gen(function* () {
        for (;;) {
          const { acknowledged } = latest
          assert.isAtLeast(Number((yield* read("k5")) ?? acknowledged), acknowledged)
          yield* Effect.yieldNow
        }
      })
      const readers = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(reader))
      for (let round = 0; round < 1_000; round++) {
        yield* put("k5", text(String(round)))
        latest.acknowledged = round
        assert.strictEqual(yield* read("k5"), String(round))
      }
      for (const one of readers) assert.isUndefined(one.pollUnsafe())
      yield* Fiber.interruptAll(readers)
    }).pipe(Effect.provide(layer())),
  )
})
