import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Chaos from "./Chaos.ts"
import * as Faults from "./Faults.ts"

const SECONDS = 15
const CONTROL_SECONDS = 4

describe("chaos", () => {
  it.live(
    "no read is wrong and L1 agrees with Redis in the end, whatever breaks",
    () =>
      Effect.gen(function* () {
        const figures = yield* Chaos.run({ seconds: SECONDS, seed: 1, faults: Faults.ALL, guard: true })
        assert.deepStrictEqual(figures.violations, {}, JSON.stringify(figures, null, 2))
        // It was no stroll.
        for (const fault of Faults.ALL) assert.isAbove(figures.faults[fault] ?? 0, 0, fault)
        for (const count of [figures.fillsDropped, figures.trackerLosses, figures.flushes, figures.fences]) {
          assert.isAbove(count, 0, JSON.stringify(figures, null, 2))
        }
      }),
    90_000,
  )

  it.live(
    "the checker sees what happens without the guard",
    () =>
      Effect.gen(function* () {
        const { violations } = yield* Chaos.run({
          seconds: CONTROL_SECONDS,
          seed: 1,
          faults: [],
          guard: false,
        })
        assert.isAbove(violations.readYourWrites ?? 0, 0, JSON.stringify(violations))
        assert.isAbove(violations.olderThanFence ?? 0, 0, JSON.stringify(violations))
        assert.isAbove(violations.staleAtRest ?? 0, 0, JSON.stringify(violations))
      }),
    60_000,
  )
})
