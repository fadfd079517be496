/** No insertion does more than so much work, whatever it needs and finds. Work is counted, not timed. */
import { assert, describe, it } from "@effect/vitest"
import * as CacheState from "../../src/core/CacheState.ts"
import type { Entry } from "../../src/core/Entry.ts"
import * as Eviction from "../../src/core/Eviction.ts"
import * as Residents from "../../src/core/Residents.ts"
import { absent } from "./entries.ts"
import { check, checkEviction } from "./invariants.ts"
import { must } from "./must.ts"
import { keysOf } from "./places.ts"
import { entriesBound, filled, numbered } from "./residents.ts"

const MOST_LEAVING = 1_000
const MOST_SPARED = 16
const UNIT = 300

const settle = (state: CacheState.CacheState, entry: Entry) => {
  const [begun, asked] = CacheState.beginRead(state, entry.key)
  return CacheState.settle(asked, begun.token, entry, 0)
}

describe("the work of an insertion", () => {
  it("ends when a thousand have left: what is heavier enters later", () => {
    const count = 5_000
    let state = CacheState.make({ maxEntries: 1e6, maxBytes: count * UNIT })
    for (const key of numbered("k", count)) [, state] = settle(state, absent(key, { weight: UNIT }))
    assert.strictEqual(CacheState.bytes(state), count * UNIT)
    const heavy = absent("heavy", { weight: 2_500 * UNIT })
    for (const round of [1, 2]) {
      const [settled, next] = settle(state, heavy)
      assert.deepInclude(settled, { _tag: "Dropped", why: "no-room" })
      assert.strictEqual(settled.removed.length, MOST_LEAVING)
      assert.isTrue(settled.removed.every(({ cause }) => cause === "evicted"))
      assert.strictEqual(CacheState.bytes(next), (count - round * MOST_LEAVING) * UNIT)
      assert.strictEqual(CacheState.peek(next, "heavy", 0), undefined)
      check(next)
      state = next
    }
    const [settled, last] = settle(state, heavy)
    assert.strictEqual(settled._tag, "Installed")
    assert.strictEqual(settled.removed.length, 500)
    assert.strictEqual(CacheState.peek(last, "heavy", 0), heavy)
    check(last)
  })

  it("takes the older copy along when the new one is too heavy to enter at once", () => {
    const count = 3_000
    let state = CacheState.make({ maxEntries: 1e6, maxBytes: count * UNIT })
    for (const key of numbered("k", count)) [, state] = settle(state, absent(key, { weight: UNIT }))
    const [settled, next] = settle(state, absent("k7", { weight: count * UNIT }))
    assert.deepInclude(settled, { _tag: "Dropped", why: "no-room" })
    assert.deepInclude(settled.removed[0], { cause: "replaced" })
    assert.strictEqual(CacheState.peek(next, "k7", 0), undefined)
    assert.strictEqual(next.counts.fillsDropped, 1)
    check(next)
  })

  it("spares sixteen, then somebody leaves whatever its uses", () => {
    const keys = numbered("k", 3_000)
    const bounds = entriesBound(keys.length)
    const { evicted, next } = Eviction.insert(filled(keys, 2, bounds), absent("new"), bounds)
    assert.strictEqual(evicted.length, 1)
    assert.strictEqual(keysOf(next.residents, "main").length, MOST_SPARED)
  })

  it("spares sixteen in main too", () => {
    const bounds = entriesBound(1_000)
    let state = filled([...numbered("k", 900), ...numbered("x", 4_000)], 0, bounds)
    for (const key of keysOf(state.residents, "main")) {
      for (let use = 0; use < 2; use++) state = Eviction.use(state, key ?? "")
    }
    // Main has more than its part: its oldest have another round.
    state = { ...state, target: 900 }
    const before = keysOf(state.residents, "main")
    const { evicted, next } = Eviction.insert(state, absent("new"), bounds)
    const after = keysOf(next.residents, "main")
    assert.deepStrictEqual(
      evicted.map(({ key }) => key),
      [before[MOST_SPARED]],
    )
    assert.deepStrictEqual(after.slice(-MOST_SPARED), before.slice(0, MOST_SPARED))
    checkEviction(next, bounds)
  })

  it("passes a thousand places that nobody has, and is done when all are passed", () => {
    const bounds = entriesBound(20_000)
    let state = filled(numbered("k", 20_000), 0, bounds)
    for (const key of numbered("k", 9_000)) state = Eviction.remove(state, key)
    for (const key of numbered("n", 9_000)) state = Eviction.insert(state, absent(key), bounds).next
    let refused = 0
    for (let insertion = 0; insertion < 20; insertion++) {
      const before = Residents.places(state.residents)
      const { entered, evicted, next } = Eviction.insert(state, absent(`x${insertion}`), bounds)
      must(
        before - Residents.places(next.residents) <= 2 * MOST_LEAVING,
        "so many places are given up at most",
      )
      must(entered === evicted.length > 0, "who enters takes somebody's room")
      if (!entered) refused++
      state = next
    }
    assert.strictEqual(refused, 9)
    assert.strictEqual(Eviction.size(state), bounds.maxEntries)
    checkEviction(state, bounds)
  })

  it("comes to an end for bounds that nothing can meet", () => {
    const state = filled(["a", "b"], 2, entriesBound(2))
    const { entered, evicted } = Eviction.insert(state, absent("c"), { maxEntries: 2, maxBytes: 0 })
    assert.isFalse(entered)
    assert.strictEqual(evicted.length, 2)
  })
})
