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

  it("has the same value as another when the bytes are the same, text or not", () => {
    const bytes = (...list: ReadonlyArray<number>) => Uint8Array.from(list)
    assert.isTrue(Entry.isSameValue("a", "a"))
    assert.isFalse(Entry.isSameValue("a", "b"))
    assert.isTrue(Entry.isSameValue(bytes(255, 1), bytes(255, 1)))
    assert.isFalse(Entry.isSameValue(bytes(255, 1), bytes(255, 2)))
    assert.isFalse(Entry.isSameValue(bytes(255), bytes(255, 0)))
    assert.isFalse(Entry.isSameValue(bytes(255, 0), bytes(255)))
    assert.isFalse(Entry.isSameValue(bytes(97), "a"))
  })

  it("occupies a byte a character when its text is ASCII, else two, and an array what it holds and its header", () => {
    assert.strictEqual(Entry.occupiedBy("abc", 3), 3)
    assert.strictEqual(Entry.occupiedBy("abé", 4), 6)
    assert.isAbove(Entry.occupiedBy(new Uint8Array(3), 3), 100)
  })

  it("weighs its value, two bytes a character of its key, and the overhead", () => {
    assert.strictEqual(Entry.weigh("", 0), Entry.OVERHEAD_BYTES)
    assert.strictEqual(Entry.weigh("abc", 100), Entry.OVERHEAD_BYTES + 6 + 100)
    assert.isAbove(Entry.OVERHEAD_BYTES, 0)
  })

  it("has whole milliseconds, rather too early than too late, and an expiry only when there is one", () => {
    const deadlines = { freshUntil: 2.9, deadAt: 3.9, storeExpiresAt: Infinity }
    const times = { confirmedAt: 1, freshUntil: 2, deadAt: 3 }
    const kept = Entry.present("a", "v1", 9, 1.9, deadlines)
    assert.deepStrictEqual(kept, { key: "a", value: "v1", weight: 9, ...times })
    const expiring = Entry.present("a", "v1", 9, 1.9, { ...deadlines, storeExpiresAt: 4.9 })
    assert.deepStrictEqual(expiring, { ...kept, storeExpiresAt: 4 })
    assert.deepStrictEqual(Entry.absent("a", 9, 1.9, deadlines), { ...kept, value: undefined })
  })
})
