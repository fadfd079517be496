/** What every tracker of a store that others write to promises. */
import { assert, type Vitest } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Tracker } from "../../src/store/Tracker.ts"
import * as TrackerRecorder from "./TrackerRecorder.ts"

export interface Subject {
  /** Live, and nobody follows it. */
  readonly tracker: Tracker["Service"]
  /** By somebody else; done when the store has acknowledged it. */
  readonly write: (key: string) => Effect.Effect<unknown>
  readonly flush: Effect.Effect<unknown>
  /** Breaks what the tracker follows, until `mend`. */
  readonly lose: Effect.Effect<unknown>
  readonly mend: Effect.Effect<unknown>
}

export const check = <R>(
  it: Vitest.MethodsNonLive<R>,
  open: Effect.Effect<Subject, never, R | Scope.Scope>,
): void => {
  it.effect("a sink hears that the tracker is live, and then of every write before a fence", () =>
    Effect.gen(function* () {
      const { tracker, write } = yield* open
      const sink = yield* TrackerRecorder.follow(tracker)
      assert.deepStrictEqual(sink.tags(), ["Live"])
      assert.strictEqual(tracker.status(), "live")
      for (let round = 0; round < 20; round++) {
        const keys = [`one ${round}`, `two ${round}`]
        const heard = yield* sink.heardOf(Effect.forEach(keys, write))
        assert.deepStrictEqual(TrackerRecorder.keysOf(heard), keys)
      }
    }),
  )

  it.effect("fences of many callers all hold", () =>
    Effect.gen(function* () {
      const { tracker, write } = yield* open
      const heard = new Set<string>()
      yield* TrackerRecorder.follow(tracker, (signal) => {
        if (signal._tag === "Invalidated") for (const key of signal.keys) heard.add(key)
      })
      const keys = Array.from({ length: 100 }, (_, index) => `key ${index}`)
      const misses = yield* Effect.forEach(
        keys,
        (key) =>
          write(key).pipe(
            Effect.andThen(tracker.fence),
            Effect.map(() => (heard.has(key) ? 0 : 1)),
          ),
        { concurrency: 20 },
      )
      assert.strictEqual(misses.filter((miss) => miss === 1).length, 0)
    }),
  )

  it.effect("when everything is removed a sink hears that, not names", () =>
    Effect.gen(function* () {
      const { flush, tracker, write } = yield* open
      const sink = yield* TrackerRecorder.follow(tracker)
      yield* write("key")
      yield* tracker.fence
      assert.deepStrictEqual(
        (yield* sink.heardOf(flush)).map(({ _tag }) => _tag),
        ["Flushed"],
      )
    }),
  )

  it.effect("a loss is said once, then nothing until it is live again, and no fence holds", () =>
    Effect.gen(function* () {
      const { lose, mend, tracker, write } = yield* open
      const sink = yield* TrackerRecorder.follow(tracker)
      yield* sink.forget
      yield* lose
      yield* sink.until("Lost")
      assert.notStrictEqual(tracker.status(), "live")
      assert.strictEqual((yield* Effect.flip(tracker.fence))._tag, "NotLive")
      assert.deepStrictEqual(sink.tags(), ["Lost"])
      yield* mend
      yield* sink.until("Live")
      assert.deepStrictEqual(sink.tags(), ["Lost", "Live"])
      assert.strictEqual(tracker.status(), "live")
      assert.deepStrictEqual(TrackerRecorder.keysOf(yield* sink.heardOf(write("key"))), ["key"])
    }),
  )

  it.effect("a sink hears nothing after its scope, and there is place for the next", () =>
    Effect.gen(function* () {
      const { tracker, write } = yield* open
      const scope = yield* Scope.make()
      const first = yield* Scope.provide(TrackerRecorder.follow(tracker), scope)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(TrackerRecorder.follow(tracker))))
      yield* Scope.close(scope, Exit.void)
      yield* first.forget
      const second = yield* TrackerRecorder.follow(tracker)
      yield* second.heardOf(write("key"))
      assert.deepStrictEqual(first.tags(), [])
    }),
  )
}
