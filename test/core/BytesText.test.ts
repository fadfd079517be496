import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as BytesText from "../../src/core/BytesText.ts"
import { mustBe } from "./must.ts"
import { makeRandom } from "./traces.ts"

const accepted: ReadonlyArray<readonly [text: string, bytes: number]> = [
  ["0", 0],
  ["1024", 1_024],
  ["1048576", 1_048_576],
  ["12b", 12],
  ["1kb", 1_000],
  ["1 KiB", 1_024],
  ["256mb", 256_000_000],
  ["256 MiB", 268_435_456],
  ["1.5 GiB", 1_610_612_736],
  ["2gb", 2_000_000_000],
  [" 64MIB ", 67_108_864],
  ["9007199254740991", Number.MAX_SAFE_INTEGER],
]

const refused = [
  "",
  " ",
  "-1",
  "-1 MiB",
  "+1",
  "5 parsecs",
  "MiB",
  "1 M",
  "1 tb",
  "1,5 MiB",
  ".5 MiB",
  "5. MiB",
  "1e9",
  "0x10",
  "NaN",
  "Infinity",
  "1 MiB 1 KiB",
  "1 MiB;",
  "1_000",
  "\u0663",
  "\uff13 MiB",
  "1 constructor",
  "1 __proto__",
  "9007199254740992",
  "8388608 GiB",
  "9".repeat(400),
]

describe("BytesText", () => {
  for (const [text, bytes] of accepted) {
    it(`reads ${JSON.stringify(text)} as ${bytes} bytes`, () => {
      assert.deepStrictEqual(BytesText.parse(text), Option.some(bytes))
    })
  }

  for (const text of refused) {
    it(`refuses ${JSON.stringify(text.slice(0, 20))}${text.length > 20 ? " …" : ""}`, () => {
      assert.deepStrictEqual(BytesText.parse(text), Option.none())
    })
  }

  it("writes what it reads back, for every whole number of bytes", () => {
    const random = makeRandom(47)
    const edges = [
      0,
      1,
      1_023,
      1_024,
      1_025,
      1_048_576,
      1_073_741_824,
      3 * 1_073_741_824,
      Number.MAX_SAFE_INTEGER,
    ]
    const drawn = Array.from({ length: 2_000 }, () => Math.floor(2 ** (random() * 53)))
    const round = Array.from({ length: 200 }, () => Math.floor(random() * 5_000) * 1_024)
    for (const bytes of [...edges, ...drawn, ...round]) {
      const text = BytesText.format(bytes)
      mustBe(Option.getOrUndefined(BytesText.parse(text)), bytes, `seed 47: ${bytes} as ${text}`)
    }
  })

  it("writes the largest unit of which it is a whole number", () => {
    assert.strictEqual(BytesText.format(268_435_456), "256 MiB")
    assert.strictEqual(BytesText.format(1_073_741_824), "1 GiB")
    assert.strictEqual(BytesText.format(1_536), "1536")
    assert.strictEqual(BytesText.format(2_048), "2 KiB")
  })
})
