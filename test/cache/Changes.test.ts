import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { type Change, Changes, layer } from "../../src/cache/Changes.ts"

const invalidated = (key: string): Change => ({ _tag: "Invalidated", key })
const reset = (reason: string): Change => ({ _tag: "Reset", reason })

/** Listens in a fiber that has begun. */
const listen = Effect.fnUntraced(function* (prefix: string, count: number) {
  const { subscribe } = yield* Changes
  const stream = yield* subscribe(prefix)
  return yield* Effect.forkChild(Stream.runCollect(Stream.take(stream, count)), { startImmediately: true })
})

describe("Changes", () => {
  it.effect("tells each subscriber of the keys under its prefix and of resets, in order", () =>
    Effect.gen(function* () {
      const { publish } = yield* Changes
      const all = yield* listen("", 4)
      const some = yield* listen("a:", 3)
      publish(invalidated("a:1"))
      publish(invalidated("b:1"))
      publish(reset("flushed"))
      assert.deepStrictEqual(yield* Fiber.join(all), [
        reset("subscribed"),
        invalidated("a:1"),
        invalidated("b:1"),
        reset("flushed"),
      ])
      assert.deepStrictEqual(yield* Fiber.join(some), [
        reset("subscribed"),
        invalidated("a:1"),
        reset("flushed"),
      ])
    }).pipe(Effect.provide(layer({ maxSubscribers: 10 }))),
  )

  it.effect("cuts off who does not keep up, with a last reset", () =>
    Effect.gen(function* () {
      const { publish, subscribe, subscribers } = yield* Changes
      const stream = yield* subscribe("")
      let heard = 0
      const slow = yield* Effect.forkChild(
        Stream.runFoldEffect(
          stream,
          () => reset("none"),
          (_, change) =>
            Effect.as(
              Effect.suspend(() => (heard++ === 0 ? Effect.yieldNow : Effect.void)),
              change,
            ),
        ),
        { startImmediately: true },
      )
      for (let index = 0; index < 5_000; index++) publish(invalidated(`k${index}`))
      assert.deepStrictEqual(yield* Fiber.join(slow), reset("too slow"))
      assert.isTrue(heard < 2_000, `it heard ${heard}`)
      assert.strictEqual(subscribers(), 0)
    }).pipe(Effect.provide(layer({ maxSubscribers: 10 }))),
  )

  it.effect("takes as many subscribers as it may, and gives places back", () =>
    Effect.gen(function* () {
      const { subscribe, subscribers } = yield* Changes
      const first = yield* listen("", 100)
      yield* listen("", 100)
      assert.strictEqual(subscribers(), 2)
      assert.strictEqual((yield* Effect.flip(subscribe("")))._tag, "TooManySubscribers")
      yield* Fiber.interrupt(first)
      assert.strictEqual(subscribers(), 1)
      assert.isTrue(yield* Effect.isSuccess(subscribe("")))
    }).pipe(Effect.provide(layer({ maxSubscribers: 2 }))),
  )

  it.effect("ends all streams when it is closed", () =>
    Effect.gen(function* () {
      const { close } = yield* Changes
      const listener = yield* listen("", 100)
      yield* close
      assert.deepStrictEqual(yield* Fiber.join(listener), [reset("subscribed")])
    }).pipe(Effect.provide(layer({ maxSubscribers: 2 }))),
  )
})
