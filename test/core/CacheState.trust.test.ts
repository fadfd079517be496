/** Which copies may be served unasked while the tracker comes and goes. */
import { assert, describe, it } from "@effect/vitest"
import * as CacheState from "../../src/core/CacheState.ts"
import { absent, present } from "./entries.ts"
import * as invariants from "./invariants.ts"
import { beginRead, NOW, roomy, heldUnder } from "./states.ts"

const FOR_EVER = Infinity

/** Fills a key with what was asked for at `confirmedAt`. */
const fill = (state: CacheState.CacheState, key: string, etag: string, confirmedAt: number) => {
  const [token, asked] = beginRead(state, key)
  return CacheState.settle(asked, token, present(key, etag, { confirmedAt }), NOW)
}

const isTrusted = (state: CacheState.CacheState, key: string, now: number): boolean => {
  const entry = CacheState.peek(state, key, now)
  return entry !== undefined && CacheState.isTrusted(state, entry, now)
}

/** Of the copy of `a`. */
const freshUntil = (state: CacheState.CacheState, now: number = NOW): number | undefined => {
  const entry = CacheState.peek(state, "a", now)
  return entry === undefined ? undefined : CacheState.freshUntil(state, entry, now)
}

describe("CacheState and its tracker", () => {
  it("trusts what it holds as long as nobody says otherwise", () => {
    const [, state] = fill(roomy, "a", "v1", NOW)
    assert.isTrue(isTrusted(state, "a", NOW))
  })

  it("keeps what it holds when the tracker is lost, and trusts none of it", () => {
    const [, held] = fill(roomy, "a", "v1", NOW)
    const lost = CacheState.lose(held)
    invariants.check(lost)
    assert.strictEqual(heldUnder(lost, "a"), "v1")
    assert.isFalse(isTrusted(lost, "a", NOW))
    assert.strictEqual(lost.epoch, held.epoch + 1)
  })

  it("trusts nothing from the moment until which the tracker was sure, and all of it again after the next", () => {
    const [, held] = fill(roomy, "a", "v1", NOW)
    const assured = CacheState.assure(held, NOW + 100)
    invariants.check(assured)
    assert.isTrue(isTrusted(assured, "a", NOW + 99))
    assert.isFalse(isTrusted(assured, "a", NOW + 100))
    assert.strictEqual(freshUntil(assured, NOW + 99), freshUntil(held))
    assert.strictEqual(freshUntil(assured, NOW + 100), NOW)
    assert.isTrue(isTrusted(CacheState.assure(assured, NOW + 200), "a", NOW + 100))
    assert.isFalse(isTrusted(CacheState.assure(CacheState.lose(held), NOW + 200), "a", NOW + 100))
    const [, anew] = fill(CacheState.trust(assured, NOW, FOR_EVER), "a", "v2", NOW)
    assert.isTrue(isTrusted(anew, "a", NOW + 1_000))
  })

  it("calls a copy fresh until its time, or its trust, ends, and a suspect one until it was confirmed", () => {
    const [, held] = fill(roomy, "a", "v1", NOW)
    assert.strictEqual(freshUntil(held), CacheState.peek(held, "a", NOW)?.freshUntil)
    assert.strictEqual(freshUntil(CacheState.lose(held)), NOW)
    assert.strictEqual(freshUntil(CacheState.trust(held, NOW + 1, FOR_EVER)), NOW)
    const [, shortly] = fill(CacheState.trust(roomy, NOW, 100), "a", "v1", NOW)
    assert.strictEqual(freshUntil(shortly), NOW + 100)
  })

  it("lets no answer in while the tracker is lost", () => {
    const [settled, state] = fill(CacheState.lose(roomy), "a", "v1", NOW)
    assert.deepStrictEqual(settled, { _tag: "Dropped", why: "untrusted", removed: [] })
    assert.strictEqual(heldUnder(state, "a"), undefined)
    assert.strictEqual(CacheState.filling(state), 0)
  })

  it("drops a suspect copy that an answer contradicts, and keeps one that it confirms", () => {
    const [, held] = fill(roomy, "a", "v1", NOW)
    const lost = CacheState.lose(held)
    assert.strictEqual(heldUnder(fill(lost, "a", "v1", NOW)[1], "a"), "v1")
    const [settled, state] = fill(lost, "a", "v2", NOW)
    assert.strictEqual(settled.removed[0]?.cause, "invalidated")
    assert.strictEqual(heldUnder(state, "a"), undefined)
    const [token, asked] = beginRead(lost, "a")
    const [, gone] = CacheState.settle(asked, token, absent("a"), NOW)
    assert.strictEqual(CacheState.peek(gone, "a", NOW), undefined)
  })

  it("lets no answer in to a question from before the loss, nor from before the tracker was live again", () => {
    const [before, asked] = beginRead(roomy, "a")
    const [during, again] = beginRead(CacheState.lose(asked), "b")
    const live = CacheState.trust(again, NOW, FOR_EVER)
    assert.strictEqual(live.epoch, roomy.epoch + 2)
    for (const [token, key] of [
      [before, "a"],
      [during, "b"],
    ] as const) {
      const [settled] = CacheState.settle(live, token, present(key, "old"), NOW)
      assert.strictEqual(settled._tag === "Dropped" && settled.why, "withdrawn")
    }
  })

  it("has a reader after the loss ask anew rather than join a question from before it", () => {
    const [, asked] = beginRead(roomy, "a")
    assert.strictEqual(CacheState.beginRead(CacheState.lose(asked), "a")[0]._tag, "Started")
  })

  it("trusts, once live again, what was asked for since and nothing older", () => {
    const [, held] = fill(roomy, "old", "v1", NOW - 1)
    const live = CacheState.trust(CacheState.lose(held), NOW, FOR_EVER)
    const [, state] = fill(live, "new", "v1", NOW)
    assert.isFalse(isTrusted(state, "old", NOW))
    assert.isTrue(isTrusted(state, "new", NOW))
  })

  it("trusts for a short time only when nobody tells who writes", () => {
    const [, state] = fill(CacheState.trust(roomy, NOW, 100), "a", "v1", NOW)
    assert.isTrue(isTrusted(state, "a", NOW + 99))
    assert.isFalse(isTrusted(state, "a", NOW + 100))
  })
})
