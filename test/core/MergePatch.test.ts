import { assert, describe, it } from "@effect/vitest"
import * as MergePatch from "../../src/core/MergePatch.ts"

/** RFC 7396, appendix A: original, patch, result. */
const EXAMPLES: ReadonlyArray<readonly [string, string, string]> = [
  ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
  ['{"a":"b"}', '{"a":null}', "{}"],
  ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
  ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
  ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
  ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
  ['["a","b"]', '["c","d"]', '["c","d"]'],
  ['{"a":"b"}', '["c"]', '["c"]'],
  ['{"a":"foo"}', "null", "null"],
  ['{"a":"foo"}', '"bar"', '"bar"'],
  ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
  ["[1,2]", '{"a":"b","c":null}', '{"a":"b"}'],
  ["{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
]

const merge = (original: string, patch: string): string =>
  JSON.stringify(MergePatch.merge(JSON.parse(original), JSON.parse(patch)))

describe("MergePatch", () => {
  it("does all examples of the RFC", () => {
    for (const [original, patch, result] of EXAMPLES) {
      assert.strictEqual(merge(original, patch), result, `${original} + ${patch}`)
    }
  })

  it("takes __proto__, constructor and toString for names like any other", () => {
    assert.strictEqual(
      merge('{"__proto__":{"a":1},"b":2}', '{"__proto__":{"c":3},"constructor":{"prototype":{"d":4}}}'),
      '{"__proto__":{"a":1,"c":3},"b":2,"constructor":{"prototype":{"d":4}}}',
    )
    assert.strictEqual(merge('{"__proto__":1}', '{"__proto__":null}'), "{}")
    assert.strictEqual(
      merge("{}", '{"toString":null,"x":{"hasOwnProperty":{"y":1}}}'),
      '{"x":{"hasOwnProperty":{"y":1}}}',
    )
    assert.isFalse("c" in {})
    assert.isFalse("d" in {})
  })

  it("changes neither the value nor the patch", () => {
    const original = JSON.parse('{"a":{"b":1},"c":2}')
    const patch = JSON.parse('{"a":{"d":{"e":null}},"c":null}')
    MergePatch.merge(original, patch)
    assert.strictEqual(
      JSON.stringify([original, patch]),
      '[{"a":{"b":1},"c":2},{"a":{"d":{"e":null}},"c":null}]',
    )
  })
})
