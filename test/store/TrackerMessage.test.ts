import { assert, describe, it } from "@effect/vitest"
import { RESERVED_PREFIX } from "../../src/core/Entry.ts"
import * as TrackerMessage from "../../src/store/TrackerMessage.ts"

const names = (...texts: ReadonlyArray<string | Uint8Array>) => texts.map((text) => Buffer.from(text))

describe("TrackerMessage", () => {
  it("null is a flush", () => {
    assert.deepStrictEqual(TrackerMessage.decode(null, ""), { _tag: "Flushed" })
  })

  it("anything but names in an array is noise", () => {
    for (const payload of [Buffer.from("key"), Buffer.alloc(0), "key", undefined, 1, {}]) {
      assert.deepStrictEqual(TrackerMessage.decode(payload, ""), { _tag: "Noise" })
    }
  })

  it("keys are told from reserved ones, and both lose the prefix", () => {
    const payload = [...names("a:key", `a:${RESERVED_PREFIX}x`, "a:", "b:key", "a", "a:a:"), 1, null]
    assert.deepStrictEqual(TrackerMessage.decode(payload, "a:"), {
      _tag: "Written",
      keys: ["key", "a:"],
      reserved: [`${RESERVED_PREFIX}x`],
    })
  })

  it("a name that is no text or too long is no key, the prefix not counted", () => {
    const longest = "é".repeat(512)
    const payload = names(`ü${longest}`, `ü${longest}x`, Buffer.concat(names("ü", Uint8Array.of(0xc3))))
    assert.deepStrictEqual(TrackerMessage.decode(payload, "ü"), {
      _tag: "Written",
      keys: [longest],
      reserved: [],
    })
  })
})
