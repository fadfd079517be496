import { assert, describe, it } from "@effect/vitest"
import * as HashMap from "effect/HashMap"
import * as Deadlines from "../../src/core/Deadlines.ts"
import { mustBe } from "./must.ts"
import { makeRandom } from "./traces.ts"

const DAY_MILLIS = 86_400_000
/** Seconds that one call steps over at most. */
const MAX_STEP_TICKS = 10_000
const ALL = 1_000

const of = (deadlines: Readonly<Record<string, number>>): Deadlines.Deadlines =>
  Object.entries(deadlines).reduce(
    (index, [key, deadAt]) => Deadlines.add(index, key, deadAt),
    Deadlines.empty,
  )

const due = (index: Deadlines.Deadlines, now: number, budget = ALL): ReadonlyArray<string> => [
  ...Deadlines.due(index, now, budget)[0],
]

describe("Deadlines", () => {
  it("gives the dead by the second of their death, oldest first, however they came", () => {
    const index = of({ c: 3_500, a: 1_200, b: 2_999 })
    assert.deepStrictEqual(due(index, 10_000), ["a", "b", "c"])
  })

  it("gives nobody before the second of their death has passed completely", () => {
    const index = of({ a: 1_000, b: 1_999 })
    assert.isEmpty(due(index, 1_999))
    assert.sameMembers([...due(index, 2_000)], ["a", "b"])
  })

  it("gives at most the budget, and those that died first", () => {
    const index = of({ d: 4_000, a: 1_000, c: 3_000, b: 2_000 })
    assert.deepStrictEqual(due(index, 10_000, 2), ["a", "b"])
    assert.isEmpty(due(index, 10_000, 0))
    const crowded = of({ a: 1_000, b: 1_001, c: 1_002 })
    assert.strictEqual(due(crowded, 10_000, 2).length, 2)
  })

  it("gives the same again until they are removed", () => {
    const index = of({ a: 1_000, b: 2_000 })
    const [keys, later] = Deadlines.due(index, 10_000, ALL)
    assert.deepStrictEqual(due(later, 10_000), [...keys])
    const removed = Deadlines.remove(later, "a", 1_000)
    assert.deepStrictEqual(due(removed, 10_000), ["b"])
  })

  it("forgets a key under the deadline that it had, and leaves its neighbours", () => {
    const index = of({ a: 1_000, b: 1_500 })
    assert.deepStrictEqual(due(Deadlines.remove(index, "a", 1_000), 10_000), ["b"])
    assert.strictEqual(Deadlines.size(Deadlines.remove(index, "a", 5_000)), 2)
    const none = Deadlines.remove(Deadlines.remove(index, "a", 1_000), "b", 1_500)
    assert.strictEqual(Deadlines.size(none), 0)
    assert.isTrue(HashMap.isEmpty(none.buckets))
  })

  it("takes in a deadline that lies before all others, or has passed already", () => {
    const [, stepped] = Deadlines.due(of({ late: 100_000 }), 50_000, ALL)
    assert.deepStrictEqual(due(Deadlines.add(stepped, "early", 2_000), 60_000), ["early"])
  })

  it("keeps what never dies without ever giving it", () => {
    const index = of({ never: Infinity, a: 1_000 })
    assert.deepStrictEqual(due(index, 100 * DAY_MILLIS), ["a"])
    const [, later] = Deadlines.due(Deadlines.add(of({ never: Infinity }), "b", 7_000), 8_000, ALL)
    assert.deepStrictEqual(due(later, 8_000), ["b"])
  })

  it("is the same when time did not pass", () => {
    const index = of({ a: 5_000 })
    assert.strictEqual(Deadlines.due(index, 5_000, ALL)[1], index)
  })

  it("steps over days without deadlines in bounded steps, and finds who died after them", () => {
    let index = Deadlines.due(of({ a: 1_000, b: 30 * DAY_MILLIS }), 2_000, ALL)[1]
    index = Deadlines.remove(index, "a", 1_000)
    const now = 30 * DAY_MILLIS + 1_000
    let calls = 0
    assert.isEmpty(due(index, now))
    for (; due(index, now).length === 0; calls++) {
      const [, next] = Deadlines.due(index, now, ALL)
      assert.isAtMost(next.from - index.from, MAX_STEP_TICKS)
      assert.isAbove(next.from, index.from)
      index = next
    }
    assert.deepStrictEqual(due(index, now), ["b"])
    const ticks = (30 * DAY_MILLIS) / 1_000
    assert.strictEqual(calls, Math.floor(ticks / MAX_STEP_TICKS))
  })

  it("has no days to step over when it was empty during them", () => {
    const emptied = Deadlines.remove(of({ a: 1_000 }), "a", 1_000)
    for (const index of [Deadlines.empty, emptied]) {
      assert.strictEqual(Deadlines.due(index, 365 * DAY_MILLIS, ALL)[1], index)
      const later = Deadlines.add(index, "b", 365 * DAY_MILLIS)
      assert.deepStrictEqual(due(later, 365 * DAY_MILLIS + 1_000), ["b"])
    }
  })

  it("agrees with a plain map on random additions, removals, budgets and jumps", () => {
    const random = makeRandom(29)
    let index = Deadlines.empty
    const expected = new Map<string, number>()
    let [now, given] = [0, 0]
    for (let round = 0; round < 4_000; round++) {
      const key = `k${Math.floor(random() * 40)}`
      const old = expected.get(key)
      if (old !== undefined) index = Deadlines.remove(index, key, old)
      expected.delete(key)
      if (random() < 0.8) {
        const deadAt = now + Math.floor(random() * random() * 60_000) - 2_000
        expected.set(key, deadAt)
        index = Deadlines.add(index, key, deadAt)
      }
      if (random() < 0.3) now += Math.floor(random() * 9_000)
      const budget = Math.floor(random() * 6)
      const before = index
      const [keys, next] = Deadlines.due(index, now, budget)
      index = next
      const dead = [...expected].filter(([, deadAt]) => Math.floor(deadAt / 1_000) < Math.floor(now / 1_000))
      const seconds = dead.map(([, deadAt]) => Math.floor(deadAt / 1_000)).sort((a, b) => a - b)
      const found = keys.map((dueKey) => Math.floor((expected.get(dueKey) ?? Infinity) / 1_000))
      mustBe(found.join(), seconds.slice(0, budget).join(), `seconds of round ${round}`)
      mustBe(new Set(keys).size, keys.length, `no key twice in round ${round}`)
      mustBe(Deadlines.size(index), expected.size, `size in round ${round}`)
      mustBe(Deadlines.due(before, now, budget)[0].join(), keys.join(), `an old version in round ${round}`)
      for (const dueKey of keys) {
        if (random() < 0.5) continue
        index = Deadlines.remove(index, dueKey, expected.get(dueKey) ?? 0)
        expected.delete(dueKey)
      }
      given += keys.length
    }
    assert.isAbove(given, 1_000)
  })
})
