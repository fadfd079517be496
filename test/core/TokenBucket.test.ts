import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as TokenBucket from "../../src/core/TokenBucket.ts"
import { mustBe } from "./must.ts"
import { makeRandom } from "./traces.ts"

const CASES = 1_000

/** A policy, and pauses between requests: none, short or long. */
const makeCase = (seed: number) => {
  const random = makeRandom(seed)
  const pause = () => {
    const kind = random()
    return kind < 0.4 ? 0 : kind < 0.8 ? random() * 50 : Math.floor(random() * 500)
  }
  return {
    policy: { count: 1 + Math.floor(random() * 50), windowMillis: 1 + Math.floor(random() * 10_000) },
    waits: Array.from({ length: 20 + Math.floor(random() * 180) }, pause),
  }
}

const cases = Array.from({ length: CASES }, (_, index) => makeCase(index + 1))

/** Asks once after every pause. */
const run = (policy: TokenBucket.Policy, waits: ReadonlyArray<number>) => {
  let bucket = TokenBucket.full
  let now = 1_000_000
  return waits.map((wait) => {
    now += wait
    const [taken, next] = TokenBucket.take(bucket, policy, now)
    bucket = next
    return { now, ...taken }
  })
}

describe("TokenBucket", () => {
  it("does what a counter of tokens that is refilled evenly does", () => {
    let refused = 0
    for (const { policy, waits } of cases) {
      let tokens = policy.count
      let before: number | undefined
      for (const { allowed, now, remaining } of run(policy, waits)) {
        const gained = before === undefined ? 0 : ((now - before) * policy.count) / policy.windowMillis
        tokens = Math.min(policy.count, tokens + gained)
        before = now
        // At the edge of a token the two may round differently.
        if (Math.abs(tokens - 1) > 1e-4) assert.strictEqual(allowed, tokens >= 1)
        if (allowed) tokens -= 1
        else refused++
        if (Math.abs(tokens - Math.round(tokens)) > 1e-4) assert.strictEqual(remaining, Math.floor(tokens))
      }
    }
    assert.isAbove(refused, 1_000)
  })

  it("allows at most count and what came back, in any stretch of time", () => {
    for (const { policy, waits } of cases) {
      const times = run(policy, waits)
        .filter(({ allowed }) => allowed)
        .map(({ now }) => now)
      for (const [from, begin] of times.entries()) {
        for (const [after, end] of times.slice(from).entries()) {
          const most = policy.count + ((end - begin) * policy.count) / policy.windowMillis
          mustBe(after + 1 <= most + 1e-3, true, "no more than the bucket gave")
        }
      }
    }
  })

  it("has a token when it said it would, and none before", () => {
    let checked = 0
    for (const { policy, waits } of cases) {
      let bucket = TokenBucket.full
      let now = 0
      for (const wait of waits) {
        now += wait
        const [{ allowed, resetMillis, retryMillis }, next] = TokenBucket.take(bucket, policy, now)
        bucket = next
        assert.isAtMost(resetMillis, policy.windowMillis + 1e-3)
        if (allowed) continue
        checked++
        assert.isTrue(TokenBucket.take(bucket, policy, now + retryMillis)[0].allowed)
        // Rounding forgives a hundredth of a millisecond at most here.
        if (retryMillis > 2)
          assert.isFalse(TokenBucket.take(bucket, policy, now + retryMillis * 0.99)[0].allowed)
      }
    }
    assert.isAbove(checked, 1_000)
  })

  it("gives count requests at once and then one after another", () => {
    const policy = { count: 3, windowMillis: 3_000 }
    const taken = run(policy, [0, 0, 0, 0, 999, 1, 0, 3_000, 0, 0, 0])
    assert.deepStrictEqual(
      taken.map(({ allowed, remaining }) => [allowed, remaining]),
      [
        [true, 2],
        [true, 1],
        [true, 0],
        [false, 0],
        [false, 0],
        [true, 0],
        [false, 0],
        [true, 2],
        [true, 1],
        [true, 0],
        [false, 0],
      ],
    )
  })

  it("is written as a count and a duration", () => {
    assert.deepStrictEqual(TokenBucket.parse("100/1s"), Option.some({ count: 100, windowMillis: 1_000 }))
    assert.deepStrictEqual(
      TokenBucket.parse(" 5 / 1 minute"),
      Option.some({ count: 5, windowMillis: 60_000 }),
    )
    for (const bad of [
      "",
      "100",
      "100/",
      "/1s",
      "0/1s",
      "1.5/1s",
      "-1/1s",
      "1/0s",
      "1/2d",
      "1/1s/1s",
      "1e3/1s",
    ]) {
      assert.isTrue(Option.isNone(TokenBucket.parse(bad)), bad)
    }
  })
})
