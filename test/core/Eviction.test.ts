import { assert, describe, it } from "@effect/vitest"
import * as HashMap from "effect/HashMap"
import * as Eviction from "../../src/core/Eviction.ts"
import { absent } from "./entries.ts"
import { checkEviction } from "./invariants.ts"
import { mustBe } from "./must.ts"
import { ReferenceS3Fifo } from "./ReferenceS3Fifo.ts"
import { Tally } from "./Tally.ts"
import * as traces from "./traces.ts"

const LENGTH = 20_000
const UNBOUNDED = 1e12
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

const keysOf = (line: Eviction.Eviction["small"]): ReadonlyArray<string> =>
  [...line.queue.keys].sort(([a], [b]) => a - b).map(([, key]) => key)

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

const entriesBound = (maxEntries: number): Eviction.Bounds => ({ maxEntries, maxBytes: UNBOUNDED })

/** A policy in which all keys were put in this order and used so often. */
const filled = (keys: ReadonlyArray<string>, uses: number, bounds: Eviction.Bounds): Eviction.Eviction => {
  let state = Eviction.empty
  for (const key of keys) {
    state = Eviction.insert(state, absent(key), bounds)[1]
    for (let use = 0; use < uses; use++) state = Eviction.use(state, key)
  }
  return state
}

const numbered = (prefix: string, length: number): ReadonlyArray<string> =>
  Array.from({ length }, (_, index) => `${prefix}${index}`)

const placeOf = (state: Eviction.Eviction, key: string): string =>
  HashMap.getUnsafe(state.residents, key).queue

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
  })

  it("lets keys that were used once leave before those used more", () => {
    const bounds = entriesBound(100)
    const used = filled(numbered("used", 80), 2, bounds)
    let state = used
    for (const key of numbered("once", 500)) state = Eviction.insert(state, absent(key), bounds)[1]
    assert.isEmpty(numbered("used", 80).filter((key) => Eviction.get(state, key) === undefined))
  })

  it("brings a key that returns as a ghost into the main queue at once", () => {
    const bounds = entriesBound(10)
    const full = filled(numbered("k", 10), 0, bounds)
    const [evicted, next] = Eviction.insert(full, absent("new"), bounds)
    assert.deepStrictEqual(
      evicted.map((entry) => entry.key),
      ["k0"],
    )
    assert.strictEqual(placeOf(next, "new"), "small")
    const [, returned] = Eviction.insert(next, absent("k0"), bounds)
    assert.strictEqual(placeOf(returned, "k0"), "main")
    assert.isFalse(HashMap.has(returned.ghosts, "k0"))
  })

  it("forgets a key that was removed rather than evicted", () => {
    const bounds = entriesBound(10)
    const state = Eviction.remove(filled(numbered("k", 10), 0, bounds), "k3")
    assert.strictEqual(Eviction.get(state, "k3"), undefined)
    assert.isFalse(HashMap.has(state.ghosts, "k3"))
    assert.strictEqual(placeOf(Eviction.insert(state, absent("k3"), bounds)[1], "k3"), "small")
    assert.strictEqual(Eviction.remove(state, "k3"), state)
  })

  it("moves to the main queue what was used twice, not what was used once", () => {
    const bounds = entriesBound(3)
    let state = filled(["once", "twice", "other"], 1, bounds)
    state = Eviction.use(state, "twice")
    const [evicted, next] = Eviction.insert(state, absent("new"), bounds)
    assert.deepStrictEqual(
      evicted.map((entry) => entry.key),
      ["once"],
    )
    const [later, last] = Eviction.insert(next, absent("newer"), bounds)
    assert.deepStrictEqual(
      later.map((entry) => entry.key),
      ["other"],
    )
    assert.strictEqual(placeOf(last, "twice"), "main")
  })

  it("returns the very same value for a use that changes nothing", () => {
    const state = filled(["a"], 3, entriesBound(2))
    assert.strictEqual(Eviction.use(state, "a"), state)
    assert.strictEqual(Eviction.use(state, "unknown"), state)
    const younger = filled(["a"], 2, entriesBound(2))
    assert.notStrictEqual(Eviction.use(younger, "a"), younger)
  })

  it("keeps the uses and the place of a key that is rewritten", () => {
    const bounds = entriesBound(3)
    const state = filled(["a", "b", "c"], 2, bounds)
    const rewritten = absent("a", { weight: 5 })
    const [evicted, next] = Eviction.insert(state, rewritten, bounds)
    assert.isEmpty(evicted)
    const { place, queue, uses } = HashMap.getUnsafe(state.residents, "a")
    assert.deepStrictEqual(HashMap.getUnsafe(next.residents, "a"), { entry: rewritten, place, queue, uses })
    assert.strictEqual(Eviction.bytes(next), 7)
  })

  it("evicts several light entries for a heavy one, oldest first", () => {
    const bounds = { maxEntries: 100, maxBytes: 10 }
    const state = filled(numbered("k", 10), 0, bounds)
    const [evicted, next] = Eviction.insert(state, absent("heavy", { weight: 4 }), bounds)
    assert.deepStrictEqual(
      evicted.map((entry) => entry.key),
      ["k0", "k1", "k2", "k3"],
    )
    assert.strictEqual(Eviction.bytes(next), 10)
  })

  it("fits exactly up to its bounds, and counts a rewrite as the difference", () => {
    const bounds = { maxEntries: 2, maxBytes: 10 }
    const one = Eviction.insert(Eviction.empty, absent("a", { weight: 4 }), bounds)[1]
    assert.isTrue(Eviction.fits(one, absent("b", { weight: 6 }), bounds))
    assert.isFalse(Eviction.fits(one, absent("b", { weight: 7 }), bounds))
    assert.isTrue(Eviction.fits(one, absent("a", { weight: 10 }), bounds))
    const two = Eviction.insert(one, absent("b", { weight: 1 }), bounds)[1]
    assert.isFalse(Eviction.fits(two, absent("c", { weight: 1 }), bounds))
    assert.isTrue(Eviction.fits(two, absent("b", { weight: 6 }), bounds))
  })

  it("spares at most a thousand for one insertion, wherever they stand", () => {
    const keys = numbered("k", 3_000)
    const bounds = entriesBound(keys.length)
    const allUsed = filled(keys, 3, bounds)
    const [evicted, next] = Eviction.insert(allUsed, absent("new"), bounds)
    assert.deepStrictEqual(
      evicted.map((entry) => entry.key),
      ["k1000"],
    )
    assert.strictEqual(HashMap.size(next.main.queue.keys), 1_000)
    compare({ trace: [...keys, ...keys, ...keys, ...numbered("x", 40)], bounds }).expect({
      evicted: 40,
      promoted: 2_000,
    })
  })

  it("spares at most a thousand in the main queue, then takes its oldest however often it was used", () => {
    const keys = numbered("k", 1_500)
    const bounds = entriesBound(keys.length)
    // All leave as ghosts, and so enter the main queue when they return.
    const ghosts = filled([...keys, ...numbered("x", 1_300)], 0, bounds)
    const back = numbered("k", 1_300).reduce(
      (state, key) => Eviction.insert(state, absent(key), bounds)[1],
      ghosts,
    )
    let state = back
    for (const key of [...HashMap.keys(back.residents)]) {
      for (let use = 0; use < 3; use++) state = Eviction.use(state, key)
    }
    assert.strictEqual(HashMap.size(state.main.queue.keys), 1_300)
    // Of the small queue so many move before the main queue has more than its nine tenths.
    const moved = 1_350 + 1 - 1_300
    const before = keysOf(state.main)
    const [evicted, next] = Eviction.insert(state, absent("new"), bounds)
    assert.deepStrictEqual(
      evicted.map((entry) => entry.key),
      [before[1_000 - moved]],
    )
    checkEviction(next, bounds)
  })

  it("comes to an end for bounds that nothing can meet", () => {
    const state = filled(["a", "b"], 3, entriesBound(2))
    const [evicted] = Eviction.insert(state, absent("c"), entriesBound(0))
    assert.strictEqual(evicted.length, 2)
  })

  it("forgets at most a thousand ghosts for one insertion", () => {
    const bounds = entriesBound(4_000)
    let state = filled(numbered("k", 8_000), 0, bounds)
    const ghosts = HashMap.size(state.ghosts)
    assert.isAbove(ghosts, 3_000)
    for (const key of numbered("k", 8_000)) state = Eviction.remove(state, key)
    state = Eviction.insert(state, absent("a"), bounds)[1]
    assert.strictEqual(HashMap.size(state.ghosts), ghosts - 1_000)
  })
})
