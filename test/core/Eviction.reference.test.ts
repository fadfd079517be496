import { assert, describe, it } from "@effect/vitest"
import * as Eviction from "../../src/core/Eviction.ts"
import { distinguishingSeed } from "./distinct.ts"
import { Pair } from "./Pair.ts"
import { bitsOf, levels } from "./places.ts"
import { entriesBound, numbered } from "./residents.ts"
import type { Tally } from "./Tally.ts"
import * as traces from "./traces.ts"

const LENGTH = 15_000
const CHECKS = 10

/** As much as the lightest of real entries. */
const UNIT = 300

/** By the key's number, so that a key weighs the same each time unless it is rewritten. */
const weighted = (key: string): number => UNIT * (1 + (Number(key.slice(1)) % 9))
const light = (): number => UNIT

interface Run {
  readonly trace: ReadonlyArray<string>
  readonly bounds: Eviction.Bounds
  readonly weigh?: (key: string) => number
  /** Every so many requests a key is removed, or rewritten with another weight. */
  readonly disturbedEvery?: number
}

const compare = ({ bounds, disturbedEvery = Infinity, trace, weigh = light }: Run): Tally => {
  const { shape } = Eviction.make(bounds, 0).residents.frame
  const pair = new Pair(bounds, distinguishingSeed(new Set(trace), bitsOf(shape)))
  trace.forEach((key, index) => {
    if (!pair.use(key)) pair.put(key, weigh(key))
    if (index % disturbedEvery === 1) pair.remove(key)
    if (index % disturbedEvery === 2) pair.put(key, UNIT * (1 + (index % 23)))
    if (index % disturbedEvery === 3) pair.remove(trace[index - 50] ?? key)
    if (index % Math.ceil(trace.length / CHECKS) === 0) pair.check()
  })
  pair.check()
  return pair.tally
}

describe("Eviction", () => {
  describe("has the hits and victims of the plain reference", () => {
    it("on a Zipf load, in one bucket and in many", () => {
      for (const size of [1, 2, 3, 7, 11, 12, 50, 100, 400]) {
        const tally = compare({ trace: traces.zipf(size, LENGTH, 1_000, 0.9), bounds: entriesBound(size) })
        tally.expect({
          hits: Math.min(size * 9, 4_000),
          misses: 3_000,
          evicted: 2_500,
          "a ghost returned": size * 4,
        })
        if (size >= 50) {
          tally.expect({ "a challenge won": 100, "a challenge lost": 100, luck: 8, "small shrank": 20 })
        }
      }
    })

    it("on a load with scans", () => {
      const tally = compare({ trace: traces.scans(11, LENGTH, 500), bounds: entriesBound(100) })
      tally.expect({ hits: 2_000, evicted: 4_000, "a ghost returned": 300, "a challenge won": 100 })
    })

    it("on loops shorter and longer than the room", () => {
      compare({ trace: traces.loop(LENGTH, 90), bounds: entriesBound(100) }).expect({ hits: 14_000 })
      const tally = compare({ trace: traces.loop(LENGTH, 130), bounds: entriesBound(100) })
      tally.expect({ hits: 8_000, "a ghost returned": 1_000, "a challenge lost": 1_000 })
      compare({ trace: traces.loop(LENGTH, 1_000), bounds: entriesBound(100) }).expect({ hits: 500 })
    })

    it("on a load whose favourites change", () => {
      const tally = compare({ trace: traces.shifting(5, LENGTH, 700, 900), bounds: entriesBound(80) })
      tally.expect({ hits: 3_000, "a challenge won": 100, "small grew": 50, "small shrank": 50 })
    })

    it("when bytes bind, with weights that change and keys that are removed", () => {
      const trace = traces.zipf(17, LENGTH, 600, 0.9)
      const bounds = { maxEntries: 1_000, maxBytes: 400 * UNIT }
      const tally = compare({ trace, bounds, weigh: weighted, disturbedEvery: 7 })
      tally.expect({ hits: 3_000, evicted: 3_000, "a challenge won": 100, "took its place again": 300 })
    })

    it("when entries and bytes bind in turn", () => {
      const tally = compare({
        trace: traces.shifting(23, LENGTH, 600, 500),
        bounds: { maxEntries: 60, maxBytes: 290 * UNIT },
        weigh: weighted,
        disturbedEvery: 11,
      })
      tally.expect({ hits: 2_000, evicted: 2_000, "a place given up in its turn": 50, "luck won": 1 })
    })

    it("in a tree of three levels", () => {
      const bounds = entriesBound(15_000)
      const trace = traces.zipf(29, 50_000, 40_000, 0.5)
      assert.strictEqual(levels(Eviction.make(bounds, 0).residents.frame.shape), 3)
      const tally = compare({ trace, bounds, disturbedEvery: 13 })
      tally.expect({ hits: 10_000, evicted: 5_000, "a ghost returned": 1_000, "a challenge won": 300 })
    })

    it("when thousands are used before anybody has to leave", () => {
      const keys = numbered("k", 3_000)
      const trace = [...keys, ...keys, ...keys, ...numbered("x", 100)]
      compare({ trace, bounds: entriesBound(keys.length) }).expect({
        evicted: 100,
        "spared as many as allowed": 10,
      })
    })
  })
})
