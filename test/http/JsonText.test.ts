import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as JsonText from "../../src/http/JsonText.ts"

const faultOf = (text: string): string | undefined => {
  const parsed = JsonText.parse(text)
  return Result.isFailure(parsed) ? parsed.failure : undefined
}

describe("JsonText", () => {
  it("refuses a name that occurs twice in one object, however it is written", () => {
    for (const text of [
      '{"a":1,"a":1}',
      '{"a" :1, "\\u0061"\n: 2}',
      '[{"x":{"a":1,"b":2,"a":3}}]',
      '{"":1,"":2}',
      '{"__proto__":1,"__proto__":2}',
      '{"a\\"":1,"a\\"":2}',
      '{"a":{"a":[{"a":1}]},"a":2}',
    ]) {
      assert.include(faultOf(text), "must not occur twice", text)
    }
  })

  it("takes names that only look alike, and what is in strings for strings", () => {
    for (const text of [
      '{"a":{"a":1},"b":[{"a":1},{"a":1}]}',
      '{"a":"{\\"a\\":1,\\"a\\":2}","A":1}',
      '{"a":"\\"a\\":","b":"}{"}',
      '["a","a",{"a":"a"}]',
      '"a:"',
      '{"a\\\\":1,"a":2}',
      " [ ] ",
      "1",
    ]) {
      assert.strictEqual(faultOf(text), undefined, text)
    }
  })

  it("takes a thousand levels and no more", () => {
    const nested = (levels: number) => `${'{"a":['.repeat(levels / 2)}${"]}".repeat(levels / 2)}`
    assert.strictEqual(faultOf(nested(1_000)), undefined)
    assert.include(faultOf(nested(1_002)), "nested")
    assert.include(faultOf(nested(200_000)), "nested")
  })

  it("takes a string of many megabytes, escapes included", () => {
    for (const unit of ["x", '\\"', "\\\\"]) {
      assert.strictEqual(faultOf(`{"a":"${unit.repeat(4_000_000)}"}`), undefined)
    }
  })
})
