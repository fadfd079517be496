/** The stories of the policy, each told once. `scripts/mutants.ts` breaks its rules. */
import { assert, describe, it } from "@effect/vitest"
import * as Eviction from "../../src/core/Eviction.ts"
import { absent } from "./entries.ts"
import { checkEviction } from "./invariants.ts"
import { keysOf, places } from "./places.ts"
import { entriesBound, evictedKeys, filled, numbered, placeOf, withAll } from "./residents.ts"

const ghostsOf = (state: Eviction.Eviction): number =>
  places(state.residents).filter(({ where }) => where === "ghost").length

/** Ten residents: `m0` to `m8` in main with so many uses, and `last`, unused, in the small queue. */
const ten = entriesBound(10)
const tenWith = (uses: number): Eviction.Eviction => {
  let state = withAll(Eviction.make(ten, 0), [...numbered("m", 9), "gone", "last"], 0, ten)
  for (const key of numbered("m", 9)) for (let use = 0; use < uses; use++) state = Eviction.use(state, key)
  return state
}

describe("Eviction", () => {
  it("lets keys that were used once leave before nearly all of those used more", () => {
    const bounds = entriesBound(100)
    const state = withAll(filled(numbered("used", 80), 2, bounds), numbered("once", 500), 0, bounds)
    // Who comes to main starts from no use, so the last of so many who come at once push out some of the first.
    const lost = numbered("used", 80).filter((key) => Eviction.get(state, key) === undefined)
    assert.isAtMost(lost.length, 16)
  })

  it("brings what leaves the small queue to main while main has room, from no use", () => {
    const full = Eviction.use(filled(numbered("k", 10), 0, ten), "k0")
    const inserted = Eviction.insert(full, absent("new"), ten)
    assert.deepStrictEqual(evictedKeys(inserted), ["k9"])
    assert.deepStrictEqual(keysOf(inserted.next.residents, "main"), numbered("k", 9))
    assert.deepStrictEqual(keysOf(inserted.next.residents, "small"), ["new"])
    assert.strictEqual(placeOf(inserted.next, "k0").uses, 0)
  })

  it("keeps main's oldest against a challenger that was not used more, at the cost of a use", () => {
    const full = Eviction.use(tenWith(1), "last")
    const inserted = Eviction.insert(full, absent("new"), ten)
    assert.deepStrictEqual(evictedKeys(inserted), ["last"])
    assert.deepStrictEqual(keysOf(inserted.next.residents, "main"), [...numbered("m", 9).slice(1), "m0"])
    assert.deepStrictEqual(
      ["m0", "m1"].map((key) => placeOf(inserted.next, key).uses),
      [0, 1],
    )
  })

  it("gives the place of main's oldest to a challenger that was used more", () => {
    const full = Eviction.use(Eviction.use(tenWith(1), "last"), "last")
    const inserted = Eviction.insert(full, absent("new"), ten)
    assert.deepStrictEqual(evictedKeys(inserted), ["m0"])
    assert.deepStrictEqual(keysOf(inserted.next.residents, "main"), [...numbered("m", 9).slice(1), "last"])
    assert.strictEqual(placeOf(inserted.next, "last").uses, 0)
    assert.strictEqual(ghostsOf(inserted.next), ghostsOf(full))
  })

  it("lets who was not used leave without a challenge, but every 64th takes the place of an idle one", () => {
    let state = tenWith(0)
    const before = keysOf(state.residents, "main")
    for (const number of Array(100).keys()) {
      const key = keysOf(state.residents, "small")[0]
      const inserted = Eviction.insert(state, absent(`x${number}`), ten)
      const isLucky = inserted.next.unused === 64
      assert.deepStrictEqual(evictedKeys(inserted), [isLucky ? "m0" : (key ?? "")])
      state = inserted.next
    }
    assert.isAbove(state.unused, 64)
    assert.deepStrictEqual(keysOf(state.residents, "main").slice(0, 8), before.slice(1))
  })

  it("remembers who left the small queue with its uses, and counts its return as one more", () => {
    const left = Eviction.insert(Eviction.use(tenWith(2), "last"), absent("y"), ten)
    assert.deepStrictEqual(evictedKeys(left), ["last"])
    const ghosts = ghostsOf(left.next)
    const back = Eviction.insert(left.next, absent("last"), ten)
    assert.deepStrictEqual(evictedKeys(back), ["y"])
    assert.deepInclude(placeOf(back.next, "last"), { where: "small", uses: 2 })
    assert.strictEqual(ghostsOf(back.next), ghosts)
    checkEviction(back.next, ten)
  })

  it("forgets a key that was removed rather than evicted, but for its turn and its uses", () => {
    const state = Eviction.remove(filled(["a", "b", "c"], 1, ten), "b")
    assert.strictEqual(Eviction.get(state, "b"), undefined)
    assert.strictEqual(ghostsOf(state), 0)
    assert.deepStrictEqual(keysOf(state.residents, "small"), ["a", undefined, "c"])
    const { next } = Eviction.insert(state, absent("b"), ten)
    assert.deepStrictEqual(keysOf(next.residents, "small"), ["a", "b", "c"])
    assert.strictEqual(placeOf(next, "b").uses, 1)
    assert.strictEqual(Eviction.remove(state, "b"), state)
  })

  it("counts two uses, and returns the very same value for a third", () => {
    const state = filled(["a"], 2, entriesBound(2))
    assert.strictEqual(Eviction.use(state, "a"), state)
    assert.strictEqual(Eviction.use(state, "unknown"), state)
    const younger = filled(["a"], 1, entriesBound(2))
    assert.notStrictEqual(Eviction.use(younger, "a"), younger)
  })

  it("keeps the uses and the place of a key that is rewritten", () => {
    const bounds = entriesBound(3)
    const state = filled(["a", "b", "c"], 2, bounds)
    const rewritten = absent("a", { weight: 5 })
    const inserted = Eviction.insert(state, rewritten, bounds)
    assert.isEmpty(inserted.evicted)
    assert.strictEqual(inserted.replaced?.key, "a")
    assert.deepStrictEqual(placeOf(inserted.next, "a"), { ...placeOf(state, "a"), entry: rewritten })
    assert.deepStrictEqual(keysOf(inserted.next.residents, "small"), ["a", "b", "c"])
    assert.strictEqual(Eviction.bytes(inserted.next), 7)
  })

  it("evicts others for a rewrite that is heavier, and says what it replaced", () => {
    const bounds = { maxEntries: 100, maxBytes: 10 }
    const state = filled(numbered("k", 10), 0, bounds)
    const inserted = Eviction.insert(state, absent("k9", { weight: 4 }), bounds)
    assert.isTrue(inserted.entered)
    assert.strictEqual(inserted.replaced?.key, "k9")
    assert.strictEqual(inserted.evicted.length, 3)
    assert.strictEqual(Eviction.bytes(inserted.next), 10)
    checkEviction(inserted.next, bounds)
  })

  it("evicts several light entries for a heavy one, and no more than needed", () => {
    const bounds = { maxEntries: 100, maxBytes: 10 }
    const inserted = Eviction.insert(
      filled(numbered("k", 10), 0, bounds),
      absent("heavy", { weight: 4 }),
      bounds,
    )
    assert.strictEqual(inserted.evicted.length, 4)
    assert.strictEqual(Eviction.bytes(inserted.next), 10)
  })

  it("fits exactly up to its bounds, and counts a rewrite as the difference", () => {
    const bounds = { maxEntries: 2, maxBytes: 10 }
    const one = Eviction.insert(Eviction.make(bounds, 0), absent("a", { weight: 4 }), bounds).next
    assert.isTrue(Eviction.fits(one, absent("b", { weight: 6 }), bounds))
    assert.isFalse(Eviction.fits(one, absent("b", { weight: 7 }), bounds))
    assert.isTrue(Eviction.fits(one, absent("a", { weight: 10 }), bounds))
    assert.isFalse(Eviction.fits(one, absent("a", { weight: 11 }), bounds))
    const two = Eviction.insert(one, absent("b", { weight: 1 }), bounds).next
    assert.isFalse(Eviction.fits(two, absent("c", { weight: 1 }), bounds))
    assert.isTrue(Eviction.fits(two, absent("b", { weight: 6 }), bounds))
  })

  it("forgets all at once, and keeps what it learnt of the room", () => {
    const state = { ...tenWith(1), target: 4 }
    const cleared = Eviction.clear(state)
    assert.deepStrictEqual([Eviction.size(cleared), Eviction.bytes(cleared), ghostsOf(cleared)], [0, 0, 0])
    assert.strictEqual(cleared.target, 4)
    assert.isEmpty(keysOf(cleared.residents, "main"))
    assert.strictEqual(Eviction.get(cleared, "m0"), undefined)
    checkEviction(cleared, ten)
  })
})
