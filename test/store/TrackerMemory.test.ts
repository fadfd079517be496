import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Tracker } from "../../src/store/Tracker.ts"
import * as TrackerMemory from "../../src/store/TrackerMemory.ts"
import * as TrackerNone from "../../src/store/TrackerNone.ts"
import * as TrackerContract from "./TrackerContract.ts"
import * as TrackerRecorder from "./TrackerRecorder.ts"

const open = Effect.map(Layer.build(TrackerMemory.layer), (context) => {
  const { emit } = Context.get(context, TrackerMemory.Control)
  return {
    emit,
    tracker: Context.get(context, Tracker),
    write: (key: string) => Effect.sync(() => emit({ _tag: "Invalidated", keys: [key] })),
    flush: Effect.sync(() => emit({ _tag: "Flushed" })),
    lose: Effect.sync(() => emit({ _tag: "Lost", reason: "by hand" })),
    mend: Effect.sync(() => emit({ _tag: "Live" })),
  }
})

describe("TrackerMemory", () => {
  TrackerContract.check(it, open)

  it.effect("a write while it is not live is not heard", () =>
    Effect.gen(function* () {
      const { lose, tracker, write } = yield* open
      const sink = yield* TrackerRecorder.follow(tracker)
      yield* lose
      yield* write("key")
      assert.deepStrictEqual(sink.tags(), ["Live", "Lost"])
    }),
  )

  it.effect("a sink that comes when tracking is refused hears that at once", () =>
    Effect.gen(function* () {
      const { emit, tracker } = yield* open
      emit({ _tag: "Unsupported", reason: "too old" })
      assert.strictEqual(tracker.status(), "unsupported")
      const sink = yield* TrackerRecorder.follow(tracker)
      assert.deepStrictEqual(sink.signals(), [{ _tag: "Unsupported", reason: "too old" }])
    }),
  )
})

describe("TrackerNone", () => {
  it.effect("it is live from the start, has nothing to say, and its fence holds", () =>
    Effect.gen(function* () {
      const tracker = Context.get(yield* Layer.build(TrackerNone.layer), Tracker)
      const sink = yield* TrackerRecorder.follow(tracker)
      yield* tracker.fence
      assert.deepStrictEqual(sink.tags(), ["Live"])
      assert.strictEqual(tracker.status(), "none")
    }),
  )
})
