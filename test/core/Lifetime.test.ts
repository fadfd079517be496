import { assert, describe, it } from "@effect/vitest"
import * as Lifetime from "../../src/core/Lifetime.ts"
import { must } from "./must.ts"
import { makeRandom } from "./traces.ts"

const lifetime: Lifetime.Lifetime = {
  ttlMillis: 60_000,
  graceMillis: 30_000,
  negativeTtlMillis: 2_000,
  jitter: 0.1,
}

describe("Lifetime", () => {
  it("counts from when the question was sent", () => {
    assert.deepStrictEqual(Lifetime.ofValue(lifetime, 5_000, Infinity, 0), {
      freshUntil: 65_000,
      deadAt: 95_000,
      storeExpiresAt: Infinity,
    })
  })

  it("takes the jitter off the TTL and never adds any", () => {
    const { deadAt, freshUntil } = Lifetime.ofValue(lifetime, 0, Infinity, 0.5)
    assert.deepStrictEqual({ deadAt, freshUntil }, { freshUntil: 57_000, deadAt: 87_000 })
    const most = Lifetime.ofValue({ ...lifetime, jitter: 1 }, 0, Infinity, 0.999)
    assert.isAbove(most.freshUntil, 0)
    assert.isBelow(most.freshUntil, 100)
  })

  it("ends freshness and grace with the store's own expiry", () => {
    const short = Lifetime.ofValue(lifetime, 1_000, 500, 0)
    assert.deepStrictEqual(short, { freshUntil: 1_500, deadAt: 1_500, storeExpiresAt: 1_500 })
    const within = Lifetime.ofValue(lifetime, 1_000, 70_000, 0)
    assert.deepStrictEqual(within, { freshUntil: 61_000, deadAt: 71_000, storeExpiresAt: 71_000 })
  })

  it("has no life for a value that the store forgets at once", () => {
    assert.strictEqual(Lifetime.ofValue(lifetime, 1_000, 0, 0).deadAt, 1_000)
  })

  it("has no time past freshness without grace", () => {
    const { deadAt, freshUntil } = Lifetime.ofValue({ ...lifetime, graceMillis: 0 }, 0, Infinity, 0.3)
    assert.strictEqual(deadAt, freshUntil)
  })

  it("gives an absence its own TTL and no grace", () => {
    assert.deepStrictEqual(Lifetime.ofAbsence(lifetime, 1_000), {
      freshUntil: 3_000,
      deadAt: 3_000,
      storeExpiresAt: Infinity,
    })
  })

  it("keeps every order that it promises, whatever the settings", () => {
    const random = makeRandom(41)
    const upTo = (limit: number) => Math.floor(random() * limit)
    for (let round = 0; round < 2_000; round++) {
      const askedAt = upTo(1e9)
      const storeTtl = random() < 0.3 ? Infinity : upTo(200_000)
      const settings = {
        ttlMillis: upTo(1e5),
        graceMillis: upTo(1e5),
        negativeTtlMillis: 0,
        jitter: random(),
      }
      const { deadAt, freshUntil } = Lifetime.ofValue(settings, askedAt, storeTtl, random())
      const what = `seed 41, round ${round}`
      must(askedAt <= freshUntil, `fresh for no negative time: ${what}`)
      must(freshUntil <= askedAt + settings.ttlMillis, `the TTL is a bound: ${what}`)
      must(freshUntil <= deadAt, `dead no sooner than stale: ${what}`)
      must(deadAt <= freshUntil + settings.graceMillis, `the grace is a bound: ${what}`)
      must(deadAt <= askedAt + storeTtl, `no copy outlives its original: ${what}`)
    }
  })
})
