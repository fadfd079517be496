import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as RedisDigests from "../../src/store/RedisDigests.ts"
import { COMPARE_MAX_BYTES } from "../../src/store/Store.ts"

const MIN = RedisDigests.DIGEST_MIN_BYTES
const MAX = COMPARE_MAX_BYTES

/** Which of values of these sizes are hashed. */
const hashed = (...sizes: ReadonlyArray<number>) =>
  RedisDigests.questions(
    sizes.map((size) => ({ key: "key", known: Option.some({ etag: "tag", size }) })),
  ).map(({ args }) => args[0] === "tag")

describe("RedisDigests", () => {
  it("what is small is sent, what is large is hashed, what is huge is sent", () => {
    assert.deepStrictEqual(hashed(0), [false])
    assert.deepStrictEqual(hashed(MIN - 1), [false])
    assert.deepStrictEqual(hashed(MIN), [true])
    assert.deepStrictEqual(hashed(MAX), [true])
    assert.deepStrictEqual(hashed(MAX + 1), [false])
  })

  it("no question has more hashed than Redis may be held up for, however many values it is about", () => {
    assert.deepStrictEqual(hashed(MAX - MIN, MIN, MIN), [true, true, false])
    assert.deepStrictEqual(hashed(MAX - MIN, MIN + 1, MIN), [true, false, true])
    const many = hashed(...Array.from({ length: 10_000 }, () => MIN))
    assert.strictEqual(many.filter(Boolean).length, MAX / MIN)
  })

  it("what is not known is sent", () => {
    assert.deepStrictEqual(RedisDigests.questions([{ key: "key", known: Option.none() }]), [
      { key: "key", args: ["", ""] },
    ])
  })
})
