/** Questions under way: who may join them, what ends them, and what becomes of them meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Cache from "../../src/cache/Cache.ts"
import { RedisProxy } from "../RedisProxy.ts"
import { RedisServer } from "../RedisServer.ts"
import { fence, held, inFlight, kill, land, live, notLive, pooled, proxied, read, text } from "./Coherent.ts"

describe("coherence of questions", () => {
  it.live("4: a reader that comes after an invalidation does not join those that came before it", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer
      const { stats } = yield* Cache.Cache
      for (let round = 1; round <= 20; round++) {
        yield* cli("SET", "k4", `old ${round};`)
        yield* fence
        const first = yield* inFlight("k4", `old ${round};`)
        const second = yield* Effect.forkChild(read("k4"), { startImmediately: true })
        yield* cli("SET", "k4", `new ${round};`)
        yield* fence
        const third = yield* Effect.forkChild(read("k4"), { startImmediately: true })
        assert.strictEqual(yield* land(first), `old ${round};`)
        assert.strictEqual(yield* Fiber.join(second), `old ${round};`)
        assert.strictEqual(yield* Fiber.join(third), `new ${round};`)
        assert.strictEqual(yield* held("k4"), `new ${round};`)
        assert.strictEqual((yield* stats).collapsed, round)
      }
    }).pipe(Effect.provide(proxied())),
  )

  it.live("6: a read does not join a question that is older than an own write", () =>
    Effect.gen(function* () {
      const { invalidate, put } = yield* Cache.Cache
      yield* put("k6", text("value 0;"))
      for (let round = 1; round <= 50; round++) {
        const [before, now] = [`value ${round - 1};`, `value ${round};`]
        yield* fence
        yield* invalidate(["k6"])
        const earlier = yield* inFlight("k6", before)
        yield* put("k6", text(now))
        // What was written is forgotten again with the echo of the write: there is nothing but to ask.
        yield* fence
        assert.strictEqual(yield* held("k6"), "nothing")
        const later = yield* Effect.forkChild(read("k6"), { startImmediately: true })
        assert.strictEqual(yield* land(earlier), before)
        assert.strictEqual(yield* Fiber.join(later), now)
        assert.strictEqual(yield* held("k6"), now)
      }
    }).pipe(Effect.provide(pooled())),
  )

  for (const armed of [false, true]) {
    it.live(
      armed
        ? "20: what was fetched before the tracker was lost does not enter when it is live again"
        : "20: what was fetched before the tracker was lost does not enter while it is away",
      () =>
        Effect.gen(function* () {
          const { cli } = yield* RedisServer
          const proxy = yield* RedisProxy
          for (let round = 0; round < 10; round++) {
            yield* cli("SET", "k20", `old ${round};`)
            yield* fence
            const reader = yield* inFlight("k20", `old ${round};`)
            yield* proxy.hold("signals")
            yield* kill("tracker")
            yield* notLive
            yield* cli("SET", "k20", `new ${round};`)
            if (armed) yield* Effect.andThen(proxy.release("signals"), live)
            assert.strictEqual(yield* land(reader), `old ${round};`)
            assert.strictEqual(yield* held("k20"), "nothing")
            assert.strictEqual(yield* read("k20"), `new ${round};`)
            yield* Effect.andThen(proxy.release("signals"), live)
            assert.strictEqual(yield* read("k20"), `new ${round};`)
            assert.strictEqual(yield* held("k20"), `new ${round};`)
          }
        }).pipe(Effect.provide(proxied())),
    )
  }

  it.live("44: a reader that is interrupted leaves nothing behind, and the others get their answer", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer
      const { stats } = yield* Cache.Cache
      yield* cli("SET", "k44", "1;")
      yield* fence
      const first = yield* inFlight("k44", "1;")
      const second = yield* Effect.forkChild(read("k44"), { startImmediately: true })
      yield* Fiber.interrupt(first)
      assert.strictEqual((yield* stats).filling, 1)
      assert.strictEqual(yield* land(second), "1;")
      assert.strictEqual((yield* stats).filling, 0)
      // Nobody waits any more: what comes is right, so it enters, and the token is gone all the same.
      yield* cli("SET", "k44", "2;")
      yield* fence
      const alone = yield* inFlight("k44", "2;")
      yield* Fiber.interrupt(alone)
      const proxy = yield* RedisProxy
      yield* proxy.release("answers")
      const { filling } = yield* Effect.repeat(stats, {
        until: (now) => now.filling === 0,
        schedule: Schedule.spaced("1 millis"),
      })
      assert.strictEqual(filling, 0)
      assert.strictEqual(yield* held("k44"), "2;")
    }).pipe(Effect.provide(proxied())),
  )

  for (const overtaken of [false, true]) {
    it.live(
      overtaken
        ? "45: eviction for room while a key is fetched revives no token that a write has withdrawn"
        : "45: eviction for room while a key is fetched loses no token",
      () =>
        Effect.gen(function* () {
          const { cli } = yield* RedisServer
          const proxy = yield* RedisProxy
          const { put, stats } = yield* Cache.Cache
          yield* cli("SET", "k45", "old;")
          yield* fence
          const reader = yield* inFlight("k45", "old;")
          // The echo of a write would make room.
          yield* proxy.hold("signals")
          for (let index = 0; index < 50; index++) yield* put(`other ${index}`, text("1"))
          assert.isAtLeast((yield* stats).evicted, 40)
          yield* proxy.release("signals")
          if (overtaken) yield* cli("SET", "k45", "new;")
          yield* fence
          assert.strictEqual(yield* land(reader), "old;")
          assert.strictEqual(yield* held("k45"), overtaken ? "nothing" : "old;")
          assert.strictEqual((yield* stats).filling, 0)
        }).pipe(Effect.provide(pooled({ maxEntries: 10 }))),
    )
  }
})
