/** The dead leave: all of them, nobody else, within their budget, and soon. Time is an argument. */
import { assert, describe, it } from "@effect/vitest"
import * as BucketTree from "../../src/core/BucketTree.ts"
import * as CacheState from "../../src/core/CacheState.ts"
import type { Entry } from "../../src/core/Entry.ts"
import * as Eviction from "../../src/core/Eviction.ts"
import * as Residents from "../../src/core/Residents.ts"
import { absent } from "./entries.ts"
import { checkEviction } from "./invariants.ts"
import { must, mustBe } from "./must.ts"
import { entriesBound, numbered } from "./residents.ts"
import { Tally } from "./Tally.ts"
import { makeRandom } from "./traces.ts"

const ALL = 1e9
const OPERATIONS = 200_000
const CHECKED_EVERY = 20_000

const heldIn = (state: Eviction.Eviction): ReadonlyArray<string> =>
  [...Residents.entries(state.residents)].map(([, { key }]) => key).sort()

const bounds = entriesBound(100_000)

const put = (state: Eviction.Eviction, key: string, deadAt: number): Eviction.Eviction =>
  Eviction.insert(state, absent(key, { deadAt }), bounds).next

const withDeadlines = (deadlines: Readonly<Record<string, number>>): Eviction.Eviction =>
  Object.entries(deadlines).reduce(
    (state, [key, deadAt]) => put(state, key, deadAt),
    Eviction.make(bounds, 0),
  )

const deadOf = (state: Eviction.Eviction, now: number, budget = ALL): ReadonlyArray<string> =>
  Eviction.expire(state, now, budget)[0]
    .map(({ key }) => key)
    .sort()

describe("expiry", () => {
  it("takes out who died in a second that has passed, and nobody who lives", () => {
    const state = withDeadlines({ a: 1_000, b: 1_999, c: 2_000, d: 5_500, never: Infinity })
    assert.isEmpty(deadOf(state, 1_999))
    assert.deepStrictEqual(deadOf(state, 2_000), ["a", "b"])
    assert.deepStrictEqual(deadOf(state, 1e15), ["a", "b", "c", "d"])
    assert.deepStrictEqual(heldIn(Eviction.expire(state, 1e15, ALL)[1]), ["never"])
  })

  it("goes by the latest deadline of a key, be it earlier or later than the one before", () => {
    const state = put(put(withDeadlines({ a: 5_000, b: 5_000 }), "a", 60_000), "b", 1_000)
    assert.deepStrictEqual(deadOf(state, 2_000), ["b"])
    const [, swept] = Eviction.expire(state, 10_000, ALL)
    assert.deepStrictEqual(heldIn(swept), ["a"])
    assert.deepStrictEqual(deadOf(swept, 61_000), ["a"])
    assert.deepStrictEqual(deadOf(put(swept, "a", Infinity), 1e15), [])
  })

  it("is the same value when nobody can be due", () => {
    const state = withDeadlines({ a: 5_000, never: Infinity })
    assert.strictEqual(Eviction.expire(state, 5_999, ALL)[1], state)
    const [, swept] = Eviction.expire(state, 6_000, ALL)
    assert.strictEqual(Eviction.expire(swept, 1e15, ALL)[1], swept)
  })

  it("spares the key that is being replaced", () => {
    const state = withDeadlines({ a: 1_000, b: 1_000 })
    const [dead, next] = Eviction.expire(state, 10_000, ALL, "a")
    assert.deepStrictEqual(
      dead.map(({ key }) => key),
      ["b"],
    )
    assert.deepStrictEqual(deadOf(next, 10_000), ["a"])
  })

  it("takes out in two steps what it takes out in one", () => {
    const random = makeRandom(31)
    let state = Eviction.make(entriesBound(1_000), 0)
    for (const key of numbered("k", 1_000)) state = put(state, key, Math.floor(random() * 100_000))
    for (let round = 0; round < 100; round++) {
      const [early, late] = [random() * 100_000, random() * 100_000].sort((a, b) => a - b)
      const twice = Eviction.expire(Eviction.expire(state, early ?? 0, ALL)[1], late ?? 0, ALL)[1]
      mustBe(
        heldIn(twice).join(),
        heldIn(Eviction.expire(state, late ?? 0, ALL)[1]).join(),
        `${early}, ${late}`,
      )
    }
  })

  it("revives nobody and misses nobody when time goes back: who was taken out is gone, the rest is judged anew", () => {
    const [, swept] = Eviction.expire(withDeadlines({ a: 5_000, b: 50_000 }), 10_000, ALL)
    assert.strictEqual(Eviction.get(swept, "a"), undefined)
    const state = put(swept, "c", 3_000)
    assert.isEmpty(deadOf(state, 3_500))
    assert.deepStrictEqual(deadOf(state, 4_000), ["c"])
    assert.deepStrictEqual(heldIn(state), ["b", "c"])
  })

  it("agrees with a plain map on random writes, removals, budgets and jumps", () => {
    const random = makeRandom(37)
    const tally = new Tally()
    const held = new Map<string, Entry>()
    let state = Eviction.make(bounds, 0)
    let now = 1_000_000
    const deadlines = [() => Infinity, () => now, () => now + 1, () => now - 5_000]
    for (let operation = 0; operation < OPERATIONS; operation++) {
      const key = `k${Math.floor(3_000 * random() ** 2)}`
      const what = random()
      if (what < 0.7) {
        const drawn = deadlines[Math.floor(random() * 40)]?.() ?? now + Math.floor(random() ** 3 * 100_000)
        const entry = absent(key, { deadAt: drawn })
        tally.add(held.has(key) ? "rewritten" : "written")
        held.set(key, entry)
        state = Eviction.insert(state, entry, bounds).next
      } else if (what < 0.8) {
        held.delete(key)
        state = Eviction.remove(state, key)
      } else if (what < 0.95) {
        now += Math.floor(random() ** 4 * 3_000) - (random() < 0.05 ? 2_000 : 0)
      } else {
        const budget = random() < 0.3 ? ALL : Math.floor(random() * 20)
        const [dead, next] = Eviction.expire(state, now, budget)
        must(dead.length <= budget, "the budget is kept")
        for (const entry of dead) {
          mustBe(held.get(entry.key), entry, "who is taken out was held")
          must(
            entry.deadAt < Math.floor(now / 1_000) * 1_000,
            "who is taken out died in a second that has passed",
          )
          held.delete(entry.key)
        }
        tally.add("expired", dead.length)
        if (dead.length === budget) tally.add("stopped by the budget")
        state = next
        if (budget === ALL) {
          const second = Math.floor(now / 1_000) * 1_000
          for (const entry of held.values()) must(entry.deadAt >= second, `${entry.key} was due`)
        }
      }
      mustBe(Eviction.get(state, key), held.get(key), `operation ${operation} for ${key}`)
      if (operation % CHECKED_EVERY === 0) {
        checkEviction(state, bounds)
        mustBe(heldIn(state).join(), [...held.keys()].sort().join(), "what is held")
      }
    }
    tally.expect({ rewritten: 20_000, written: 20_000, expired: 20_000, "stopped by the budget": 500 })
  })

  it("leaves few of the dead where as many are written in a lifetime as are held", () => {
    const random = makeRandom(43)
    const lifetimes = {
      constant: () => 60_000,
      spread: () => random() * 120_000,
      "most short": () => random() ** 3 * 240_000,
    }
    for (const [name, lifetime] of Object.entries(lifetimes)) {
      let state = CacheState.make(entriesBound(100_000), 5)
      const [writes, perSecond] = [24_000, 50]
      let [dead, seen] = [0, 0]
      for (let write = 0; write < writes; write++) {
        const now = (write * 1_000) / perSecond
        const key = `k${write}`
        const [begun, asked] = CacheState.beginRead(state, key)
        state = CacheState.settle(asked, begun.token, absent(key, { deadAt: now + 1 + lifetime() }), now)[1]
        if (write < writes / 2 || write % 1_200 !== 0) continue
        for (const [, entry] of Residents.entries(state.eviction.residents)) {
          seen++
          if (entry.deadAt <= now) dead++
        }
      }
      assert.isAbove(seen, 10_000)
      assert.isAtMost(dead / seen, 0.05, name)
    }
  })

  it("looks at a few buckets for each that it may take out, however many deadlines were put off", () => {
    const keys = numbered("k", 20_000)
    let state = Eviction.make(bounds, 0)
    for (const deadAt of [60_000, 600_000]) for (const key of keys) state = put(state, key, deadAt)
    state = put(state, "dead", 1_000)
    let steps = 0
    for (; ; steps++) {
      const [dead, next] = Eviction.expire(state, 70_000, 4)
      if (next === state) break
      must(dead.length <= 4, "the budget is kept")
      const { root } = state.residents
      const seen = [...BucketTree.differences(root, next.residents.root, state.residents.frame.shape)]
      must(seen.length <= 8 * 4, "so many buckets at a time")
      state = next
    }
    assert.isAbove(steps, 100)
    assert.strictEqual(Eviction.get(state, "dead"), undefined)
    assert.strictEqual(Eviction.size(state), keys.length)
  })
})
