import { assert, describe, it } from "@effect/vitest"
import * as Staleness from "../../src/core/Staleness.ts"

const of = (...millis: ReadonlyArray<number>) => millis.reduce(Staleness.record, Staleness.empty)

describe("Staleness", () => {
  it("has quantiles that are right to within a quarter", () => {
    const measured = of(...Array.from({ length: 1_000 }, (_, index) => (index + 1) / 10))
    for (const part of [0.1, 0.5, 0.9, 0.99]) {
      const exact = part * 100
      const found = Staleness.quantile(measured, part)
      assert.isTrue(found >= exact && found <= exact * 1.25, `${part}: ${found}`)
    }
    assert.strictEqual(Staleness.quantile(measured, 1), 100)
    assert.strictEqual(measured.maxMillis, 100)
  })

  it("knows nothing before the first, and the longest however long it is", () => {
    assert.strictEqual(Staleness.quantile(Staleness.empty, 0.99), 0)
    assert.strictEqual(Staleness.quantile(of(1e9), 0.99), 1e9)
  })
})
