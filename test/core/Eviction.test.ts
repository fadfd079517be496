import { assert, describe, it } from "@effect/vitest"
import * as HashMap from "effect/HashMap"
import * as Eviction from "../../src/core/Eviction.ts"
import { absent } from "./entries.ts"
import { checkEviction } from "./invariants.ts"
import { entriesBound, filled, keysOf, numbered } from "./residents.ts"

const placeOf = (state: Eviction.Eviction, key: string): string =>
  HashMap.getUnsafe(state.residents, key).queue

describe("Eviction", () => {
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
    for (const key of HashMap.keys(back.residents)) {
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
