/** The short runs of the gate, the same on all kinds of servers. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Chaos from "./Chaos.ts"

export const TIMEOUT_MILLIS = 180_000

const SEED = 1
/** Or as long as it takes until each thing has broken. */
const SECONDS = 6
/** At most. */
const CONTROL_SECONDS = 60
const CUTS = ["kill tracker", "kill data", "kill both"]

/** Each of these breaks, and connections do. */
export const nothingIsWrong = Effect.fnUntraced(function* (...blows: ReadonlyArray<string>) {
  const figures = yield* Chaos.run({ seconds: SECONDS, seed: SEED, faults: [...blows, ...CUTS] })
  const told = JSON.stringify(figures, null, 2)
  assert.deepStrictEqual(figures.violations, {}, told)
  // It was no stroll.
  for (const count of [figures.fillsDropped, figures.trackerLosses, figures.fences, figures.hits]) {
    assert.isAbove(count, 0, told)
  }
  return figures
})

/** What a cache does that writes down what it fetched and forgets what it is told to. */
export const withoutTokens = Effect.gen(function* () {
  const expected = ["readYourWrites", "olderThanFence", "staleAtRest"] as const
  const { violations } = yield* Chaos.run({
    seconds: CONTROL_SECONDS,
    isEnough: (found) => expected.every((kind) => found.includes(kind)),
    seed: SEED,
    faults: [],
    without: "tokens",
  })
  for (const kind of expected) assert.isAbove(violations[kind] ?? 0, 0, JSON.stringify(violations))
})

/** What a cache does that trusts what it holds whenever it is connected. */
export const withoutLosses = Effect.fnUntraced(function* (...faults: ReadonlyArray<string>) {
  const { violations } = yield* Chaos.run({
    seconds: CONTROL_SECONDS,
    isEnough: (found) => found.includes("olderThanFence") || found.includes("goneYetServed"),
    seed: SEED,
    faults,
    without: "losses",
  })
  const { goneYetServed = 0, olderThanFence = 0 } = violations
  assert.isAbove(goneYetServed + olderThanFence, 0, JSON.stringify(violations))
})
