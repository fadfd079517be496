import { assert, describe, it } from "@effect/vitest"
import * as CacheState from "../../src/core/CacheState.ts"
import type { Entry } from "../../src/core/Entry.ts"
import { absent, present } from "./entries.ts"
import * as invariants from "./invariants.ts"
import { beginRead, holding, NOW, reported, roomy, heldUnder } from "./states.ts"

describe("CacheState", () => {
  describe("an answer that may enter but is not taken in", () => {
    const small = CacheState.make({ maxEntries: 2, maxBytes: 10 })
    const held = holding(small, present("a", "v1", { weight: 4 }), present("b", "w1", { weight: 4 }))

    const settleInto = (state: CacheState.CacheState, entry: Entry, admission: "evict" | "if-room") => {
      const [token, asked] = beginRead(state, entry.key)
      return CacheState.settle(asked, token, entry, NOW, admission)
    }

    it("is too heavy above the bound, not at it, and takes the older copy with it", () => {
      const [settled, state] = settleInto(held, present("a", "v2", { weight: 11 }), "evict")
      assert.deepInclude(settled, { _tag: "Dropped", why: "too-heavy" })
      assert.deepStrictEqual(reported(settled.removed), ["replaced a"])
      assert.strictEqual(heldUnder(state, "a"), undefined)
      assert.strictEqual(heldUnder(state, "b"), "w1")
      assert.strictEqual(settleInto(held, present("c", "x", { weight: 10 }), "evict")[0]._tag, "Installed")
    })

    it("is dead on arrival, and takes the older copy with it", () => {
      const [settled, state] = settleInto(held, present("a", "v2", { deadAt: NOW }), "evict")
      assert.deepInclude(settled, { _tag: "Dropped", why: "expired" })
      assert.deepStrictEqual(reported(settled.removed), ["replaced a"])
      assert.strictEqual(heldUnder(state, "a"), undefined)
    })

    it("finds no room and evicts nobody, and takes the older copy with it", () => {
      const [settled, state] = settleInto(held, present("c", "x"), "if-room")
      assert.deepStrictEqual(settled, { _tag: "Dropped", why: "no-room", removed: [] })
      assert.strictEqual(CacheState.size(state), 2)
      const [grown, smaller] = settleInto(held, present("a", "v2", { weight: 7 }), "if-room")
      assert.deepStrictEqual(reported(grown.removed), ["replaced a"])
      assert.strictEqual(heldUnder(smaller, "a"), undefined)
      assert.strictEqual(settleInto(held, present("a", "v2", { weight: 6 }), "if-room")[0]._tag, "Installed")
    })

    it("finds no room in an L1 that may hold nothing", () => {
      const none = CacheState.make({ maxEntries: 0, maxBytes: 10 })
      const [settled, state] = settleInto(none, present("a", "v1"), "evict")
      assert.deepStrictEqual(settled, { _tag: "Dropped", why: "no-room", removed: [] })
      invariants.check(state)
    })
  })

  describe("an entry", () => {
    it("is served until it is dead, be it swept or not", () => {
      const state = holding(roomy, present("a", "v1", { freshUntil: NOW + 100, deadAt: NOW + 200 }))
      assert.strictEqual(CacheState.peek(state, "a", NOW + 199)?.key, "a")
      assert.strictEqual(CacheState.peek(state, "a", NOW + 200), undefined)
      assert.strictEqual(CacheState.size(state), 1)
    })

    it("may be an absence", () => {
      assert.strictEqual(heldUnder(holding(roomy, absent("a")), "a"), "absent")
    })

    it("takes the place of the one before, and says so", () => {
      const old = present("a", "v1", { weight: 3 })
      const [token, asked] = beginRead(holding(roomy, old), "a")
      const [settled, state] = CacheState.settle(asked, token, present("a", "v2", { weight: 5 }), NOW)
      assert.deepStrictEqual(settled, { _tag: "Installed", removed: [{ cause: "replaced", entry: old }] })
      assert.strictEqual(CacheState.bytes(state), 5)
      invariants.check(state)
    })

    it("sweeps out four of the dead on its way in", () => {
      const dead = ["a", "b", "c", "d", "e", "f"].map((key, index) =>
        absent(key, { deadAt: NOW + 1 + index * 1_000 }),
      )
      const [token, asked] = beginRead(holding(roomy, ...dead), "new")
      const [settled, state] = CacheState.settle(
        asked,
        token,
        present("new", "v1", { deadAt: 1e6 }),
        NOW + 60_000,
      )
      assert.strictEqual(settled.removed.length, 4)
      assert.isTrue(settled.removed.every(({ cause }) => cause === "expired"))
      assert.strictEqual(CacheState.size(state), 3)
      invariants.check(state)
    })
  })

  it("forgets everything at once, reports how much, and begins a new epoch", () => {
    const [token, asked] = beginRead(holding(roomy, present("a", "v1"), present("b", "w1")), "c")
    const [removed, state] = CacheState.invalidateAll(asked)
    assert.strictEqual(removed, 2)
    assert.strictEqual(state.epoch, asked.epoch + 1)
    assert.strictEqual(CacheState.size(state) + CacheState.bytes(state) + CacheState.filling(state), 0)
    assert.strictEqual(CacheState.settle(state, token, present("c", "x"), NOW)[0]._tag, "Dropped")
    assert.strictEqual(state.counts.invalidated, 2)
    invariants.check(state)
  })

  it("takes out the dead within its budget, and reports them", () => {
    const dead = ["a", "b", "c"].map((key) => absent(key, { deadAt: NOW + key.charCodeAt(0) * 1_000 }))
    const state = holding(roomy, ...dead, present("d", "v1"))
    const [removed, next] = CacheState.expire(state, 1e6, 2)
    assert.strictEqual(removed.length, 2)
    const [rest, last] = CacheState.expire(next, 1e6, 2)
    assert.sameMembers([...reported([...removed, ...rest])], ["expired a", "expired b", "expired c"])
    assert.strictEqual(heldUnder(last, "d"), "v1")
    assert.strictEqual(last.counts.expired, 3)
    assert.strictEqual(CacheState.expire(last, 1e6, 2)[1], last)
  })

  it("revives nothing that expired when the clock goes back", () => {
    const state = holding(roomy, absent("a", { deadAt: NOW + 1_000 }))
    const [, swept] = CacheState.expire(state, NOW + 5_000, 10)
    assert.strictEqual(CacheState.peek(swept, "a", NOW), undefined)
  })

  it("is the very same state when nothing happened", () => {
    const [token, asked] = beginRead(holding(roomy, present("a", "v1")), "b")
    const done = CacheState.abandon(asked, token)
    assert.strictEqual(CacheState.abandon(done, token), done)
    assert.strictEqual(CacheState.touch(done, "unknown"), done)
    assert.strictEqual(CacheState.invalidate(done, "unknown")[1], done)
    const used = [1, 2, 3].reduce((state) => CacheState.touch(state, "a"), done)
    assert.notStrictEqual(used, done)
    assert.strictEqual(CacheState.touch(used, "a"), used)
  })
})
