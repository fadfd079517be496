/** The stories of races between L1 and the world, each told once. `scripts/mutants.ts` switches the guards off. */
import { assert, describe, it } from "@effect/vitest"
import * as CacheState from "../../src/core/CacheState.ts"
import { present } from "./entries.ts"
import { beginRead, holding, NOW, reported, roomy, heldUnder } from "./states.ts"

describe("CacheState", () => {
  describe("an answer from the store", () => {
    it("enters when nothing happened to the key", () => {
      const [token, asked] = beginRead(roomy, "a")
      const [settled, state] = CacheState.settle(asked, token, present("a", "v1"), NOW)
      assert.deepStrictEqual(settled, { _tag: "Installed", removed: [] })
      assert.strictEqual(heldUnder(state, "a"), "v1")
      assert.strictEqual(CacheState.filling(state), 0)
    })

    it("does not enter after an invalidation that it could not know of", () => {
      const [token, asked] = beginRead(roomy, "a")
      const [, invalidated] = CacheState.invalidate(asked, "a")
      const [settled, state] = CacheState.settle(invalidated, token, present("a", "old"), NOW)
      assert.deepStrictEqual(settled, { _tag: "Dropped", why: "withdrawn", removed: [] })
      assert.strictEqual(heldUnder(state, "a"), undefined)
      assert.strictEqual(state.counts.fillsDropped, 1)
    })

    it("does not enter after everything was invalidated, even if another question has begun", () => {
      const [old, asked] = beginRead(roomy, "a")
      const [, flushed] = CacheState.invalidateAll(asked)
      const [young, again] = beginRead(flushed, "a")
      const [, late] = CacheState.settle(again, old, present("a", "old"), NOW)
      assert.strictEqual(heldUnder(late, "a"), undefined)
      const [, state] = CacheState.settle(late, young, present("a", "new"), NOW)
      assert.strictEqual(heldUnder(state, "a"), "new")
    })

    it("does not overwrite what a question asked later has brought", () => {
      const [old, asked] = beginRead(roomy, "a")
      const [, invalidated] = CacheState.invalidate(asked, "a")
      const [young, again] = beginRead(invalidated, "a")
      const [, filled] = CacheState.settle(again, young, present("a", "new"), NOW)
      const [, state] = CacheState.settle(filled, old, present("a", "old"), NOW)
      assert.strictEqual(heldUnder(state, "a"), "new")
    })

    it("enters once: a token that was used stands no more", () => {
      const [token, asked] = beginRead(roomy, "a")
      const [, filled] = CacheState.settle(asked, token, present("a", "v1"), NOW)
      const [again, state] = CacheState.settle(filled, token, present("a", "v2"), NOW)
      assert.strictEqual(again._tag, "Dropped")
      assert.strictEqual(heldUnder(state, "a"), "v1")
    })

    it("does not enter after it was abandoned, and leaves the next question alone", () => {
      const [old, asked] = beginRead(roomy, "a")
      const [young, again] = beginRead(CacheState.abandon(asked, old), "a")
      const state = CacheState.abandon(again, old)
      assert.strictEqual(state, again)
      assert.strictEqual(heldUnder(CacheState.settle(state, young, present("a", "v1"), NOW)[1], "a"), "v1")
    })

    it("enters although the key was evicted for room meanwhile", () => {
      const small = holding(CacheState.make({ maxEntries: 1, maxBytes: 1_000 }), present("a", "v1"))
      const [token, asked] = beginRead(small, "a")
      const [settled, state] = CacheState.settle(
        holding(asked, present("b", "w")),
        token,
        present("a", "v2"),
        NOW,
      )
      assert.deepStrictEqual(reported(settled.removed), ["evicted b"])
      assert.strictEqual(heldUnder(state, "a"), "v2")
    })
  })

  describe("a reader", () => {
    it("joins a question in flight, also while a stale copy is held", () => {
      const [token, asked] = beginRead(holding(roomy, present("a", "v1")), "a")
      assert.deepStrictEqual(CacheState.beginRead(asked, "a"), [{ _tag: "Joined", token }, asked])
    })

    it("asks anew after an invalidation", () => {
      const [, asked] = beginRead(roomy, "a")
      assert.strictEqual(CacheState.beginRead(CacheState.invalidate(asked, "a")[1], "a")[0]._tag, "Started")
    })

    it("does not join a question that is older than an own write, before or after it settles", () => {
      const [old, asked] = beginRead(roomy, "a")
      const [write, sent] = CacheState.beginWrite(asked, "a")
      assert.strictEqual(CacheState.beginRead(sent, "a")[0]._tag, "Started")
      const [, settled] = CacheState.settleWrite(sent, write, present("a", "mine"), NOW)
      const [, state] = CacheState.settle(settled, old, present("a", "old"), NOW)
      assert.strictEqual(heldUnder(state, "a"), "mine")
    })
  })

  describe("an own write", () => {
    it("makes L1 forget the key before it is sent", () => {
      const [, sent] = CacheState.beginWrite(holding(roomy, present("a", "v1")), "a")
      assert.strictEqual(heldUnder(sent, "a"), undefined)
      assert.strictEqual(sent.counts.invalidated, 1)
    })

    it("enters when it is acknowledged and nothing else happened", () => {
      const [token, sent] = CacheState.beginWrite(roomy, "a")
      const [settled, state] = CacheState.settleWrite(sent, token, present("a", "mine"), NOW)
      assert.strictEqual(settled._tag, "Installed")
      assert.strictEqual(heldUnder(state, "a"), "mine")
    })

    it("forgets what a reader fetched meanwhile, for it may be older", () => {
      const [write, sent] = CacheState.beginWrite(roomy, "a")
      const [question, asked] = beginRead(sent, "a")
      const [, filled] = CacheState.settle(asked, question, present("a", "old"), NOW)
      const [settled, state] = CacheState.settleWrite(filled, write, present("a", "mine"), NOW)
      assert.deepInclude(settled, { _tag: "Dropped", why: "withdrawn" })
      assert.deepStrictEqual(reported(settled.removed), ["invalidated a"])
      assert.strictEqual(heldUnder(state, "a"), undefined)
    })

    it("withdraws the question of a reader that asked while it was under way", () => {
      const [write, sent] = CacheState.beginWrite(roomy, "a")
      const [question, asked] = beginRead(sent, "a")
      const [, acknowledged] = CacheState.settleWrite(asked, write, present("a", "mine"), NOW)
      const [, state] = CacheState.settle(acknowledged, question, present("a", "old"), NOW)
      assert.strictEqual(heldUnder(state, "a"), undefined)
    })

    it("leaves the key unknown when two overlap, whichever is acknowledged last", () => {
      const [first, one] = CacheState.beginWrite(roomy, "a")
      const [second, two] = CacheState.beginWrite(one, "a")
      const inOrder = CacheState.settleWrite(two, first, present("a", "1"), NOW)[1]
      assert.strictEqual(
        heldUnder(CacheState.settleWrite(inOrder, second, present("a", "2"), NOW)[1], "a"),
        undefined,
      )
      const reversed = CacheState.settleWrite(two, second, present("a", "2"), NOW)[1]
      assert.strictEqual(
        heldUnder(CacheState.settleWrite(reversed, first, present("a", "1"), NOW)[1], "a"),
        undefined,
      )
    })

    it("does not enter after an invalidation, and drops what came with it", () => {
      const [write, sent] = CacheState.beginWrite(roomy, "a")
      const [, invalidated] = CacheState.invalidate(sent, "a")
      const filled = holding(invalidated, present("a", "theirs"))
      const [, state] = CacheState.settleWrite(filled, write, present("a", "mine"), NOW)
      assert.strictEqual(heldUnder(state, "a"), undefined)
    })
  })
})
