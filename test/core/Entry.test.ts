import { assert, describe, it } from "@effect/vitest"
import * as Entry from "../../src/core/Entry.ts"
import { absent, present } from "./entries.ts"

describe("Entry", () => {
  it("is fresh before freshUntil, stale before deadAt, and expired from then on", () => {
    const entry = present("a", "v1", { freshUntil: 1_000, deadAt: 2_000 })
    const at = (now: number) => Entry.freshness(entry, now)
    assert.deepStrictEqual([0, 999].map(at), ["fresh", "fresh"])
    assert.deepStrictEqual([1_000, 1_999].map(at), ["stale", "stale"])
    assert.deepStrictEqual([2_000, 9_000].map(at), ["expired", "expired"])
  })

  it("is never stale without grace", () => {
    const entry = absent("a", { freshUntil: 1_000 })
    assert.strictEqual(Entry.freshness(entry, 999), "fresh")
    assert.strictEqual(Entry.freshness(entry, 1_000), "expired")
  })

  it("weighs its value, two bytes a character of its key, and the overhead", () => {
    assert.strictEqual(Entry.weigh("", 0), Entry.OVERHEAD_BYTES)
    assert.strictEqual(Entry.weigh("abc", 100), Entry.OVERHEAD_BYTES + 6 + 100)
    assert.isAbove(Entry.OVERHEAD_BYTES, 0)
  })
})
