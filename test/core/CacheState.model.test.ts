/**
 * Random sequences of everything that may happen to L1, on the real state, on a model made of plain maps, and
 * on old versions. After every step the two agree and the invariants hold.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Fill from "../../src/core/Fill.ts"
import * as CacheState from "../../src/core/CacheState.ts"
import type { Bounds } from "../../src/core/Eviction.ts"
import * as Residents from "../../src/core/Residents.ts"
import { CacheModel } from "./CacheModel.ts"
import { apply, cases, type Command, KEYS, type Step } from "./commands.ts"
import * as invariants from "./invariants.ts"
import { must, mustBe } from "./must.ts"
import { type Place, places } from "./places.ts"
import { Tally } from "./Tally.ts"
import { contentOf, freeze } from "./versions.ts"

const RUNS = 1_000
const SEED = "cache-mechanism"
/** Every so many steps a version is replayed. */
const REPLAYED = 7
const CAUSES = ["fills", "fillsDropped", "evicted", "expired", "invalidated", "replaced"] as const

const assertAgrees = (state: CacheState.CacheState, model: CacheModel): void => {
  for (const key of KEYS) mustBe(CacheState.peek(state, key, model.now), model.live(key), `copy of ${key}`)
  mustBe(CacheState.size(state), model.held.size, "entries")
  mustBe(CacheState.bytes(state), model.bytes, "bytes")
  for (const [, entry] of Residents.entries(state.eviction.residents))
    mustBe(entry, model.held.get(entry.key), `entry of ${entry.key}`)
  for (const cause of CAUSES) mustBe(state.counts[cause], model.counts[cause], `count of ${cause}`)
  mustBe(state.epoch, model.epoch, "epoch")
  mustBe(CacheState.filling(state), model.standing.size, "questions in flight")
  for (const token of Fill.tokens(state.fills)) must(model.stands(token), `token of ${token.key}`)
}

/** Moves between the queues, which only a look inside can tell. */
const watch = (before: CacheState.CacheState, after: CacheState.CacheState, tally: Tally): void => {
  if (before.eviction === after.eviction) return
  const earlier = new Map<string | number, Place>()
  for (const place of places(before.eviction.residents))
    earlier.set(place.entry?.key ?? place.fingerprint, place)
  for (const { entry, fingerprint, where } of places(after.eviction.residents)) {
    if (entry === undefined) continue
    const [held, left] = [earlier.get(entry.key), earlier.get(fingerprint)]
    if (held?.where === "small" && where === "main") tally.add("moved to the main queue")
    if (held === undefined && left?.where === "ghost") tally.add("a ghost returned")
    if (held === undefined && left?.where === where) tally.add("took its place again")
  }
}

const run = (bounds: Bounds, commands: ReadonlyArray<Command>, tally: Tally): void => {
  const model = new CacheModel(bounds, tally)
  const versions = [freeze(CacheState.make(bounds))]
  const steps: Array<Step> = []
  let state = CacheState.make(bounds)
  for (const command of commands) {
    const [step, next] = apply(model, command)(state)
    watch(state, next, tally)
    state = freeze(next)
    steps.push(step)
    versions.push(state)
    invariants.check(state)
    assertAgrees(state, model)
  }
  replay(bounds, versions, steps)
}

/** A transition on an old version does what it did then, and all from the start leads to the same state. */
const replay = (
  bounds: Bounds,
  versions: ReadonlyArray<CacheState.CacheState>,
  steps: ReadonlyArray<Step>,
): void => {
  let again = CacheState.make(bounds)
  steps.forEach((step, index) => {
    again = step.transition(again)
    const [old, next] = [versions[index], versions[index + 1]]
    if (index % REPLAYED !== 0 || old === undefined || next === undefined) return
    mustBe(contentOf(step.transition(old)), contentOf(next), "a transition on an old version")
  })
  const last = versions.at(-1)
  mustBe(contentOf(again), last === undefined ? "" : contentOf(last), "a replay from scratch")
}

/** Least numbers over all runs: about a third of what was seen when they were set. */
const SEEN_AT_LEAST = {
  hit: 5_000,
  "stale hit": 1_000,
  "miss: never stored": 5_000,
  "miss: expired": 5_000,
  "miss: invalidated": 3_000,
  "miss: evicted": 3_000,
  "miss: replaced": 1_000,
  joined: 3_000,
  withdrawn: 300,
  abandoned: 150,
  "abandoned too late": 400,
  "a writer overtakes": 500,
  "a reader overtakes a write": 1_000,
  "a reader overtakes a resync": 500,
  "resync asks": 1_000,
  "installed read": 8_000,
  "installed write": 150,
  "installed resync": 80,
  "dropped withdrawn read": 2_500,
  "dropped withdrawn write": 200,
  "dropped withdrawn resync": 100,
  "dropped expired read": 1_500,
  "dropped expired write": 80,
  "dropped too-heavy read": 400,
  "dropped too-heavy write": 8,
  "dropped no-room read": 300,
  "evicted for entries": 700,
  "evicted for bytes": 800,
  "moved to the main queue": 200,
  "a ghost returned": 30,
  "took its place again": 200,
  swept: 1_500,
  expired: 250,
  "expiry stopped by its budget": 40,
}

describe("CacheState", () => {
  it.effect(
    "agrees with a plain model on everything that may happen, in any order",
    () =>
      Effect.gen(function* () {
        const tally = new Tally()
        const result = yield* Arbitrary.checkEffect(
          cases,
          ({ bounds, commands }) =>
            Effect.try({
              try: () => {
                run(bounds, commands, tally)
                return true
              },
              catch: (error) => (error instanceof Error ? (error.stack ?? error.message) : String(error)),
            }),
          { runs: RUNS, size: 300, seed: SEED, maxShrinks: 500 },
        )
        const failure = Arbitrary.formatCheckFailure(result)
        if (failure !== undefined) assert.fail(`seed ${SEED}: ${failure}`)
        tally.expect(SEEN_AT_LEAST)
      }),
    60_000,
  )
})
