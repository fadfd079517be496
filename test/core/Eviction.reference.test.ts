import { assert, describe, it } from "@effect/vitest"
import * as HashMap from "effect/HashMap"
import * as Eviction from "../../src/core/Eviction.ts"
import { absent } from "./entries.ts"
import { checkEviction } from "./invariants.ts"
import { mustBe } from "./must.ts"
import { ReferenceS3Fifo } from "./ReferenceS3Fifo.ts"
import { entriesBound, keysOf, numbered } from "./residents.ts"
import { Tally } from "./Tally.ts"
import * as traces from "./traces.ts"

const LENGTH = 20_000
const CHECKED_EVERY = 97

/** Weights from 1 to 9 by the key's number, so that a key weighs the same each time unless it is rewritten. */
const weighted = (key: string): number => 1 + (Number(key.slice(1)) % 9)
const light = (): number => 1

interface Run {
  readonly trace: ReadonlyArray<string>
  readonly bounds: Eviction.Bounds
  readonly weigh?: (key: string) => number
  /** Every so many requests the key is removed, or rewritten with another weight. */
  readonly disturbedEvery?: number
}

/** Every hit and every victim is the same, and so are the queues and the ghosts in the end. */
const compare = ({ bounds, disturbedEvery = Infinity, trace, weigh = light }: Run): Tally => {
  const reference = new ReferenceS3Fifo(bounds.maxEntries, bounds.maxBytes)
  const tally = new Tally()
  let state = Eviction.empty
  const insert = (key: string, weight: number, index: number): void => {
    const [evicted, next] = Eviction.insert(state, absent(key, { weight }), bounds)
    const victims = reference.insert(key, weight)
    mustBe(evicted.map((entry) => entry.key).join(), victims.join(), `victims of request ${index} for ${key}`)
    tally.add("evicted", evicted.length)
    state = next
  }
  trace.forEach((key, index) => {
    const hit = Eviction.get(state, key) !== undefined
    mustBe(hit, reference.request(key), `hit of request ${index} for ${key}`)
    tally.add(hit ? "hits" : "misses")
    if (hit) state = Eviction.use(state, key)
    else insert(key, weigh(key), index)
    if (index % disturbedEvery === 1) {
      state = Eviction.remove(state, key)
      reference.remove(key)
    }
    if (index % disturbedEvery === 2) insert(key, 1 + (index % 23), index)
    if (index % CHECKED_EVERY === 0) checkEviction(state, bounds)
  })
  assert.deepStrictEqual(keysOf(state.small), [...reference.small.keys()])
  assert.deepStrictEqual(keysOf(state.main), [...reference.main.keys()])
  assert.sameMembers([...HashMap.keys(state.ghosts)], [...reference.ghosts])
  tally.add("promoted", reference.promoted)
  tally.add("returned", reference.returned)
  tally.add("secondChances", reference.secondChances)
  return tally
}

describe("Eviction", () => {
  describe("has the hits and victims of the plain reference", () => {
    it("on a Zipf load", () => {
      for (const size of [1, 2, 7, 50, 200]) {
        const tally = compare({ trace: traces.zipf(size, LENGTH, 1_000, 0.9), bounds: entriesBound(size) })
        tally.expect({ hits: size * 15, misses: 5_000, evicted: 5_000 })
        if (size >= 50) tally.expect({ promoted: 5, returned: 300, secondChances: 1_000 })
      }
    })

    it("on a load with scans", () => {
      const tally = compare({ trace: traces.scans(11, LENGTH, 500), bounds: entriesBound(100) })
      tally.expect({ hits: 3_000, evicted: 6_000, promoted: 15, returned: 300, secondChances: 1_000 })
    })

    it("on loops shorter and longer than the room", () => {
      compare({ trace: traces.loop(LENGTH, 90), bounds: entriesBound(100) }).expect({ hits: 19_000 })
      compare({ trace: traces.loop(LENGTH, 130), bounds: entriesBound(100) }).expect({
        returned: 1_000,
        hits: 1_000,
      })
    })

    it("on a load whose favourites change", () => {
      const tally = compare({ trace: traces.shifting(5, LENGTH, 700, 900), bounds: entriesBound(80) })
      tally.expect({ hits: 3_000, promoted: 15, returned: 300, secondChances: 1_000 })
    })

    it("when bytes bind, with weights that change and keys that are removed", () => {
      const trace = traces.zipf(17, LENGTH, 600, 0.9)
      const bounds = { maxEntries: 1_000, maxBytes: 400 }
      const tally = compare({ trace, bounds, weigh: weighted, disturbedEvery: 7 })
      tally.expect({ hits: 3_000, evicted: 3_000, promoted: 50, returned: 50, secondChances: 50 })
    })

    it("when entries and bytes bind in turn", () => {
      const trace = traces.shifting(23, LENGTH, 600, 500)
      const tally = compare({
        trace,
        bounds: { maxEntries: 60, maxBytes: 290 },
        weigh: weighted,
        disturbedEvery: 11,
      })
      tally.expect({ hits: 2_000, evicted: 3_000, promoted: 50, returned: 50, secondChances: 50 })
    })

    it("when thousands are used before anybody has to leave", () => {
      const keys = numbered("k", 3_000)
      const trace = [...keys, ...keys, ...keys, ...numbered("x", 40)]
      compare({ trace, bounds: entriesBound(keys.length) }).expect({ evicted: 40, promoted: 2_000 })
    })
  })
})
