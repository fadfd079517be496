import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as DurationText from "../../src/core/DurationText.ts"
import { mustBe } from "./must.ts"
import { makeRandom } from "./traces.ts"

const DAY_MILLIS = 86_400_000

const accepted: ReadonlyArray<readonly [text: string, millis: number]> = [
  ["0", 0],
  ["0s", 0],
  ["30", 30_000],
  ["1.5", 1_500],
  ["250ms", 250],
  ["30s", 30_000],
  ["5m", 300_000],
  ["1h30m", 5_400_000],
  ["1h 30m", 5_400_000],
  ["1.5h", 5_400_000],
  ["5 minutes", 300_000],
  ["2 days", 2 * DAY_MILLIS],
  ["1 d 2 hours 3 mins 4 secs 5 millis", DAY_MILLIS + 7_384_005],
  [" 10S ", 10_000],
  ["0.4ms", 0],
  ["36500d", 36_500 * DAY_MILLIS],
]

const refused = [
  "",
  " ",
  "-1",
  "-1s",
  "+1s",
  "5 parsecs",
  "s",
  "1h30",
  "30m 5",
  "1,5s",
  ".5s",
  "5.s",
  "1..5s",
  "1e9",
  "1e9s",
  "0x10",
  "0x10s",
  "NaN",
  "Infinity",
  "infinity s",
  "1s-",
  "1s;",
  "1s\n2",
  "1_000s",
  "\u0663s",
  "\uff13s",
  "1 constructor",
  "1 __proto__",
  "1toString",
  "36500d 1ms",
  "36501d",
  "9".repeat(400),
  `${"9".repeat(400)}ms`,
]

describe("DurationText", () => {
  for (const [text, millis] of accepted) {
    it(`reads ${JSON.stringify(text)} as ${millis} ms`, () => {
      assert.deepStrictEqual(DurationText.parse(text), Option.some(millis))
    })
  }

  for (const text of refused) {
    it(`refuses ${JSON.stringify(text.slice(0, 20))}${text.length > 20 ? " …" : ""}`, () => {
      assert.deepStrictEqual(DurationText.parse(text), Option.none())
    })
  }

  it("writes what it reads back, for every whole number of milliseconds", () => {
    const random = makeRandom(43)
    const edges = [
      0,
      1,
      999,
      1_000,
      59_999,
      60_000,
      3_600_000,
      DAY_MILLIS - 1,
      DAY_MILLIS,
      DurationText.MAX_MILLIS,
    ]
    const drawn = Array.from({ length: 2_000 }, () =>
      Math.floor(10 ** (random() * Math.log10(DurationText.MAX_MILLIS))),
    )
    for (const millis of [...edges, ...drawn]) {
      const text = DurationText.format(millis)
      mustBe(Option.getOrUndefined(DurationText.parse(text)), millis, `seed 43: ${millis} as ${text}`)
    }
  })

  it("writes the largest units first and leaves out those that are none", () => {
    assert.strictEqual(DurationText.format(0), "0s")
    assert.strictEqual(DurationText.format(90_000), "1m30s")
    assert.strictEqual(DurationText.format(5_400_000), "1h30m")
    assert.strictEqual(DurationText.format(DAY_MILLIS + 250), "1d250ms")
  })

  it("takes a time that grows with the length of the text only, however hostile", () => {
    const hostile = [
      "1a".repeat(50_000) + "!",
      "1".repeat(100_000) + "!",
      "1 ".repeat(50_000),
      "1s ".repeat(30_000) + "-",
    ]
    for (const text of hostile) assert.isTrue(Option.isNone(DurationText.parse(text)))
  })
})
