import { assert, describe, it } from "@effect/vitest"
import * as KeyHash from "../../src/core/KeyHash.ts"
import { makeRandom } from "./traces.ts"

const KEYS = 100_000

const random = makeRandom(41)
const hex = (digits: number): string =>
  Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join("")

const SHAPES: Readonly<Record<string, (number: number) => string>> = {
  "user:1": (number) => `user:${number}`,
  "a/x/123": (number) => `${"abcdefghij"[number % 10]}/${"uvwxyz"[number % 6]}/${number}`,
  UUIDs: () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`,
}

/** How unevenly so many things fell into boxes, against what chance gives: about 1. */
const unevenness = (boxes: Uint32Array, things: number): number => {
  const fair = things / boxes.length
  let sum = 0
  for (const held of boxes) sum += (held - fair) ** 2 / fair
  return sum / (boxes.length - 1)
}

const count = (boxes: Uint32Array, box: number): void => {
  boxes[box] = (boxes[box] ?? 0) + 1
}

describe("KeyHash", () => {
  it("gives these hashes, until it is changed on purpose", () => {
    const of = (key: string) => KeyHash.of(key, 7)
    assert.deepStrictEqual(
      ["", "a", "ab", "abc", "user:1", "Ω", "😀", "日本語のキー"].map(of),
      [415870660, -939969802, -1951178032, 1231221561, 641840642, -1942901669, -1471997744, 1984060524],
    )
  })

  it("is a whole number of 32 bits, the same each time", () => {
    for (let number = 0; number < 1_000; number++) {
      const hash = KeyHash.of(`k${number}`, number)
      assert.strictEqual(hash, hash | 0)
      assert.strictEqual(KeyHash.of(`k${number}`, number), hash)
    }
  })

  it("depends on the seed, in all its bits", () => {
    const seen = new Set<number>()
    for (let seed = 0; seed < 1_000; seed++) seen.add(KeyHash.of("user:1", seed))
    for (let bit = 0; bit < 32; bit++) seen.add(KeyHash.of("user:1", 2 ** bit + 1_000_000))
    assert.strictEqual(seen.size, 1_032)
    const apart = (seed: number) => KeyHash.of("one", seed) - KeyHash.of("other", seed)
    assert.notStrictEqual(apart(1), apart(2))
  })

  it("depends on every character, its upper bits and its place", () => {
    const keys = [
      "ab",
      "ba",
      "a",
      "b",
      "abc",
      "acb",
      "cab",
      "abcd",
      "a\u0000",
      "a\u0000\u0000",
      "á",
      "Ša",
      "aŠ",
      "š",
      "\ud800",
      "\udc00",
      "aaa",
      "aa",
    ]
    assert.strictEqual(new Set(keys.map((key) => KeyHash.of(key, 0))).size, keys.length)
    const single = Array.from({ length: 0x10000 }, (_, code) => KeyHash.of(String.fromCharCode(code), 0))
    assert.strictEqual(new Set(single).size, 0x10000)
    const base = "k".repeat(37)
    const changed = Array.from({ length: 37 }, (_, at) =>
      KeyHash.of(`${base.slice(0, at)}x${base.slice(at + 1)}`, 0),
    )
    assert.strictEqual(new Set(changed).size, 37)
  })

  for (const [name, make] of Object.entries(SHAPES)) {
    it(`spreads keys such as ${name} as chance would, in its upper and its lower bits`, () => {
      const hashes = new Set<number>()
      const upper = new Uint32Array(2 ** 13)
      const lower = new Uint32Array(2 ** 12)
      const bits = new Uint32Array(32)
      for (let number = 0; number < KEYS; number++) {
        const hash = KeyHash.of(make(number), 3)
        hashes.add(hash)
        count(upper, hash >>> 19)
        count(lower, hash & 0xfff)
        for (let bit = 0; bit < 32; bit++) if (((hash >>> bit) & 1) === 1) count(bits, bit)
      }
      // Chance gives 1.2 collisions.
      assert.isAtLeast(hashes.size, KEYS - 8)
      assert.isBelow(unevenness(upper, KEYS), 1.3)
      assert.isBelow(unevenness(lower, KEYS), 1.3)
      for (const ones of bits) assert.closeTo(ones / KEYS, 0.5, 0.02)
    })
  }
})
