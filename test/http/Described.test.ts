import { assert, describe, it } from "@effect/vitest"
import type { Present } from "../../src/core/Entry.ts"
import * as Described from "../../src/http/Described.ts"

const entryOf = (value: string): Present => ({
  key: "k",
  value,
  confirmedAt: 0,
  freshUntil: 1,
  deadAt: 1,
  weight: 1,
})

describe("Described", () => {
  it("remembers those that were asked for last, and not more than it may", () => {
    const remembered = 8
    const of = Described.make(remembered)
    const entries = Array.from({ length: 100 }, (_, index) => entryOf(String(index)))
    const first = entries.map(of)
    const again = entries.map((entry, index) => of(entry) === first[index])
    // Asking again pushes out what was remembered, as there are more than may be.
    assert.deepStrictEqual(again.filter(Boolean), [])
    const last = entries.slice(-4).map(of)
    assert.deepStrictEqual(entries.slice(-4).map(of), last)
    assert.isTrue(entries.slice(-4).every((entry, index) => of(entry) === last[index]))
  })

  it("keeps what is asked for again and again while others come and go", () => {
    const of = Described.make(8)
    const hot = entryOf("hot")
    const first = of(hot)
    for (let index = 0; index < 100; index++) {
      of(entryOf(String(index)))
      assert.strictEqual(of(hot), first)
    }
  })

  it("takes a small part of the room that L1 has", () => {
    for (const maxBytes of [1_024, 1_048_576, 268_435_456, 2 ** 40]) {
      const remembered = Described.rememberedOf(maxBytes)
      assert.isAtMost(Described.bytesOf(remembered), maxBytes / 16)
    }
    assert.isAtLeast(Described.rememberedOf(268_435_456), 65_536)
  })
})
