/** Keys whose hashes collide, by chance or because somebody chose them: the seed of these states is known. */
import { assert, describe, it } from "@effect/vitest"
import * as CacheState from "../../src/core/CacheState.ts"
import type { Entry } from "../../src/core/Entry.ts"
import * as Eviction from "../../src/core/Eviction.ts"
import { colliding, crowding } from "./distinct.ts"
import { absent } from "./entries.ts"
import { checkEviction } from "./invariants.ts"
import { must, mustBe } from "./must.ts"
import { bitsOf } from "./places.ts"
import { entriesBound, filled, numbered } from "./residents.ts"
import { Tally } from "./Tally.ts"
import { makeRandom } from "./traces.ts"

const SEED = 3
const MOST_PLACES = 64

describe("keys that collide", () => {
  it("are told apart by name, and nobody else notices", () => {
    const tally = new Tally()
    for (const maxEntries of [5, 10, 60]) {
      const bounds = entriesBound(maxEntries)
      const bits = bitsOf(Eviction.make(bounds, SEED).residents.frame.shape)
      const keys = colliding("c", SEED, bits, 12, 3).flat()
      const random = makeRandom(maxEntries)
      const held = new Map<string, Entry>()
      let state = Eviction.make(bounds, SEED)
      for (let round = 0; round < 6_000; round++) {
        const now = round * 100
        const key = keys[Math.floor(random() * keys.length)] ?? ""
        const what = random()
        if (what < 0.4) state = Eviction.use(state, key)
        else if (what < 0.5) {
          held.delete(key)
          state = Eviction.remove(state, key)
        } else if (what < 0.55) {
          const [dead, next] = Eviction.expire(state, now, 5)
          for (const entry of dead) mustBe(held.get(entry.key), entry, "who expires was held")
          for (const { key: gone } of dead) held.delete(gone)
          tally.add("expired", dead.length)
          state = next
        } else {
          const entry = absent(key, { deadAt: now + Math.floor(random() * 40_000) })
          const { entered, evicted, next } = Eviction.insert(state, entry, bounds)
          for (const gone of evicted) mustBe(held.get(gone.key), gone, "who is evicted was held")
          for (const gone of evicted) held.delete(gone.key)
          must(entered, "there is room")
          tally.add("evicted", evicted.length)
          held.set(key, entry)
          state = next
        }
        for (const one of keys) mustBe(Eviction.get(state, one), held.get(one), `${one} in round ${round}`)
        checkEviction(state, bounds, { collisions: true })
      }
    }
    tally.expect({ evicted: 1_000, expired: 100 })
  })

  it("share a bucket, which takes only so many: the rest does not enter, and the others stay", () => {
    const bounds = { maxEntries: 1_000, maxBytes: 1e9 }
    const others = numbered("k", 500)
    const bits = bitsOf(Eviction.make(bounds, SEED).residents.frame.shape)
    const crowd = crowding("x", SEED, bits, 17, 300)
    let state = CacheState.make(bounds, SEED)
    const settle = (key: string, now = 0) => {
      const [begun, asked] = CacheState.beginRead(state, key)
      const [settled, next] = CacheState.settle(asked, begun.token, absent(key, { weight: 300 }), now)
      state = next
      return settled
    }
    for (const key of others) settle(key)
    let refused = 0
    for (const key of [...crowd, ...crowd]) {
      const settled = settle(key)
      if (settled._tag === "Installed") continue
      assert.deepStrictEqual(settled, { _tag: "Dropped", why: "no-room", removed: [] })
      assert.strictEqual(CacheState.peek(state, key, 0), undefined)
      refused++
    }
    assert.isAbove(refused, 2 * (crowd.length - MOST_PLACES))
    for (const key of others) assert.isDefined(CacheState.peek(state, key, 0), key)
    checkEviction(state.eviction, bounds)
    assert.strictEqual(state.counts.fillsDropped, refused)
    // Who is in it is not disturbed by that: rewritten, or gone and back, it keeps its place.
    const member = crowd.find((key) => CacheState.peek(state, key, 0) !== undefined) ?? ""
    assert.strictEqual(settle(member)._tag, "Installed")
    state = CacheState.invalidate(state, member)[1]
    assert.strictEqual(settle(member)._tag, "Installed")
  })

  it("evict no more than one other for each that does not enter when L1 is full", () => {
    const bounds = entriesBound(200)
    const bits = bitsOf(Eviction.make(bounds, SEED).residents.frame.shape)
    let state = filled(numbered("k", 200), 1, bounds, SEED)
    let evictedInAll = 0
    for (const key of crowding("x", SEED, bits, 3, 400)) {
      const inserted = Eviction.insert(state, absent(key), bounds)
      must(inserted.evicted.length <= 1, "one at most")
      if (!inserted.entered) evictedInAll += inserted.evicted.length
      state = inserted.next
      checkEviction(state, bounds)
    }
    assert.isAtMost(evictedInAll, 1)
  })

  it("of one bucket do not fill it with places that nobody has", () => {
    for (const maxEntries of [1, 2, 5, 11, 22, 44]) {
      const bounds = entriesBound(maxEntries)
      const random = makeRandom(maxEntries)
      let state = Eviction.make(bounds, SEED)
      for (let round = 0; round < 3_000; round++) {
        const inserted = Eviction.insert(state, absent(`k${round}`, { deadAt: round * 10 }), bounds)
        must(inserted.entered, `${maxEntries} entries: key ${round} enters`)
        state = inserted.next
        if (random() < 0.7) state = Eviction.remove(state, `k${round - Math.floor(random() * maxEntries)}`)
        if (random() < 0.2) state = Eviction.use(state, `k${round - 1}`)
        if (random() < 0.05) state = Eviction.expire(state, round * 10, 5)[1]
      }
      checkEviction(state, bounds)
    }
  })
})
