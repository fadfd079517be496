import { assert, describe, it } from "@effect/vitest"
import * as Condition from "../../src/core/Condition.ts"

const selectors = [undefined, "any", [], ["a"], ["b"], ["a", "b"]] as const

/** Rows: what the store holds; columns: `selectors`. Written by hand from RFC 9110, sections 13.1.1 and 13.1.2. */
const ifMatchHolds = [
  { current: undefined, holds: [true, false, false, false, false, false] },
  { current: "a", holds: [true, true, false, true, false, true] },
  { current: "c", holds: [true, true, false, false, false, false] },
] as const
const ifNoneMatchHolds = [
  { current: undefined, holds: [true, true, true, true, true, true] },
  { current: "a", holds: [true, false, true, false, true, false] },
  { current: "c", holds: [true, false, true, true, true, true] },
] as const

const ifMatch = (selector: (typeof selectors)[number]): Condition.Condition =>
  selector === undefined ? {} : { ifMatch: selector }
const ifNoneMatch = (selector: (typeof selectors)[number]): Condition.Condition =>
  selector === undefined ? {} : { ifNoneMatch: selector }

describe("Condition", () => {
  for (const { current, holds } of ifMatchHolds) {
    it(`if-match, while the store holds ${current ?? "nothing"}`, () => {
      assert.deepStrictEqual(
        selectors.map((selector) => Condition.holds(ifMatch(selector), current)),
        [...holds],
      )
    })
  }

  for (const { current, holds } of ifNoneMatchHolds) {
    it(`if-none-match, while the store holds ${current ?? "nothing"}`, () => {
      assert.deepStrictEqual(
        selectors.map((selector) => Condition.holds(ifNoneMatch(selector), current)),
        [...holds],
      )
    })
  }

  it("needs both when both are given", () => {
    ifMatchHolds.forEach(({ current, holds }, row) => {
      selectors.forEach((one, column) => {
        selectors.forEach((other, otherColumn) => {
          const both = { ...ifMatch(one), ...ifNoneMatch(other) }
          const expected = holds[column] === true && ifNoneMatchHolds[row]?.holds[otherColumn] === true
          assert.strictEqual(Condition.holds(both, current), expected, JSON.stringify({ both, current }))
        })
      })
    })
  })

  it("has names for the common ones", () => {
    const held = (condition: Condition.Condition) =>
      [undefined, "a", "b"].map((current) => Condition.holds(condition, current))
    assert.deepStrictEqual(held(Condition.always), [true, true, true])
    assert.deepStrictEqual(held(Condition.ifAbsent), [true, false, false])
    assert.deepStrictEqual(held(Condition.ifPresent), [false, true, true])
    assert.deepStrictEqual(held(Condition.ifTag("a")), [false, true, false])
  })

  it("is unconditional only without any part", () => {
    assert.isTrue(Condition.isAlways(Condition.always))
    for (const condition of [
      Condition.ifAbsent,
      Condition.ifPresent,
      Condition.ifTag("a"),
      { ifNoneMatch: [] },
    ]) {
      assert.isFalse(Condition.isAlways(condition))
    }
  })
})
