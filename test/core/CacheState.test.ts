/** The stories of races between L1 and the world, each told once, and the facts of single transitions. */
import { assert, describe, it } from "@effect/vitest"
import * as CacheState from "../../src/core/CacheState.ts"
import type { Entry } from "../../src/core/Entry.ts"
import type { Token } from "../../src/core/Fill.ts"
import { absent, present } from "./entries.ts"
import * as invariants from "./invariants.ts"

const NOW = 10_000
const roomy = CacheState.make({ maxEntries: 100, maxBytes: 1_000 })

const beginRead = (state: CacheState.CacheState, key: string): readonly [Token, CacheState.CacheState] => {
  const [begun, next] = CacheState.beginRead(state, key)
  return [begun.token, next]
}

/** The state after these entries were read and installed. */
const holding = (state: CacheState.CacheState, ...entries: ReadonlyArray<Entry>): CacheState.CacheState =>
  entries.reduce((before, entry) => {
    const [token, asked] = beginRead(before, entry.key)
    return CacheState.settle(asked, token, entry, NOW)[1]
  }, state)

const tagOf = (state: CacheState.CacheState, key: string): string | undefined => {
  const entry = CacheState.peek(state, key, NOW)
  return entry?._tag === "Present" ? entry.etag : entry?._tag
}

const reported = (removed: ReadonlyArray<CacheState.Removal>): ReadonlyArray<string> =>
  removed.map(({ cause, entry }) => `${cause} ${entry.key}`)

describe("CacheState", () => {
  describe("an answer from the store", () => {
    it("enters when nothing happened to the key", () => {
      const [token, asked] = beginRead(roomy, "a")
      const [settled, state] = CacheState.settle(asked, token, present("a", "v1"), NOW)
      assert.deepStrictEqual(settled, { _tag: "Installed", removed: [] })
      assert.strictEqual(tagOf(state, "a"), "v1")
      assert.strictEqual(CacheState.filling(state), 0)
    })

    it("does not enter after an invalidation that it could not know of", () => {
      const [token, asked] = beginRead(roomy, "a")
      const [, invalidated] = CacheState.invalidate(asked, "a")
      const [settled, state] = CacheState.settle(invalidated, token, present("a", "old"), NOW)
      assert.deepStrictEqual(settled, { _tag: "Dropped", why: "withdrawn", removed: [] })
      assert.strictEqual(tagOf(state, "a"), undefined)
      assert.strictEqual(state.counts.fillsDropped, 1)
    })

    it("does not enter after everything was invalidated, even if another question has begun", () => {
      const [old, asked] = beginRead(roomy, "a")
      const [, flushed] = CacheState.invalidateAll(asked)
      const [young, again] = beginRead(flushed, "a")
      const [, late] = CacheState.settle(again, old, present("a", "old"), NOW)
      assert.strictEqual(tagOf(late, "a"), undefined)
      const [, state] = CacheState.settle(late, young, present("a", "new"), NOW)
      assert.strictEqual(tagOf(state, "a"), "new")
    })

    it("does not overwrite what a question asked later has brought", () => {
      const [old, asked] = beginRead(roomy, "a")
      const [, invalidated] = CacheState.invalidate(asked, "a")
      const [young, again] = beginRead(invalidated, "a")
      const [, filled] = CacheState.settle(again, young, present("a", "new"), NOW)
      const [, state] = CacheState.settle(filled, old, present("a", "old"), NOW)
      assert.strictEqual(tagOf(state, "a"), "new")
    })

    it("enters once: a token that was used stands no more", () => {
      const [token, asked] = beginRead(roomy, "a")
      const [, filled] = CacheState.settle(asked, token, present("a", "v1"), NOW)
      const [again, state] = CacheState.settle(filled, token, present("a", "v2"), NOW)
      assert.strictEqual(again._tag, "Dropped")
      assert.strictEqual(tagOf(state, "a"), "v1")
    })

    it("does not enter after it was abandoned, and leaves the next question alone", () => {
      const [old, asked] = beginRead(roomy, "a")
      const [young, again] = beginRead(CacheState.abandon(asked, old), "a")
      const state = CacheState.abandon(again, old)
      assert.strictEqual(state, again)
      assert.strictEqual(tagOf(CacheState.settle(state, young, present("a", "v1"), NOW)[1], "a"), "v1")
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
      assert.strictEqual(tagOf(state, "a"), "v2")
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
      assert.strictEqual(tagOf(state, "a"), "mine")
    })
  })

  describe("an own write", () => {
    it("makes L1 forget the key before it is sent", () => {
      const [, sent] = CacheState.beginWrite(holding(roomy, present("a", "v1")), "a")
      assert.strictEqual(tagOf(sent, "a"), undefined)
      assert.strictEqual(sent.counts.invalidated, 1)
    })

    it("enters when it is acknowledged and nothing else happened", () => {
      const [token, sent] = CacheState.beginWrite(roomy, "a")
      const [settled, state] = CacheState.settleWrite(sent, token, present("a", "mine"), NOW)
      assert.strictEqual(settled._tag, "Installed")
      assert.strictEqual(tagOf(state, "a"), "mine")
    })

    it("forgets what a reader fetched meanwhile, for it may be older", () => {
      const [write, sent] = CacheState.beginWrite(roomy, "a")
      const [question, asked] = beginRead(sent, "a")
      const [, filled] = CacheState.settle(asked, question, present("a", "old"), NOW)
      const [settled, state] = CacheState.settleWrite(filled, write, present("a", "mine"), NOW)
      assert.deepInclude(settled, { _tag: "Dropped", why: "withdrawn" })
      assert.deepStrictEqual(reported(settled.removed), ["invalidated a"])
      assert.strictEqual(tagOf(state, "a"), undefined)
    })

    it("withdraws the question of a reader that asked while it was under way", () => {
      const [write, sent] = CacheState.beginWrite(roomy, "a")
      const [question, asked] = beginRead(sent, "a")
      const [, acknowledged] = CacheState.settleWrite(asked, write, present("a", "mine"), NOW)
      const [, state] = CacheState.settle(acknowledged, question, present("a", "old"), NOW)
      assert.strictEqual(tagOf(state, "a"), undefined)
    })

    it("leaves the key unknown when two overlap, whichever is acknowledged last", () => {
      const [first, one] = CacheState.beginWrite(roomy, "a")
      const [second, two] = CacheState.beginWrite(one, "a")
      const inOrder = CacheState.settleWrite(two, first, present("a", "1"), NOW)[1]
      assert.strictEqual(
        tagOf(CacheState.settleWrite(inOrder, second, present("a", "2"), NOW)[1], "a"),
        undefined,
      )
      const reversed = CacheState.settleWrite(two, second, present("a", "2"), NOW)[1]
      assert.strictEqual(
        tagOf(CacheState.settleWrite(reversed, first, present("a", "1"), NOW)[1], "a"),
        undefined,
      )
    })

    it("does not enter after an invalidation, and drops what came with it", () => {
      const [write, sent] = CacheState.beginWrite(roomy, "a")
      const [, invalidated] = CacheState.invalidate(sent, "a")
      const filled = holding(invalidated, present("a", "theirs"))
      const [, state] = CacheState.settleWrite(filled, write, present("a", "mine"), NOW)
      assert.strictEqual(tagOf(state, "a"), undefined)
    })
  })

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
      assert.strictEqual(tagOf(state, "a"), undefined)
      assert.strictEqual(tagOf(state, "b"), "w1")
      assert.strictEqual(settleInto(held, present("c", "x", { weight: 10 }), "evict")[0]._tag, "Installed")
    })

    it("is dead on arrival, and takes the older copy with it", () => {
      const [settled, state] = settleInto(held, present("a", "v2", { deadAt: NOW }), "evict")
      assert.deepInclude(settled, { _tag: "Dropped", why: "expired" })
      assert.deepStrictEqual(reported(settled.removed), ["replaced a"])
      assert.strictEqual(tagOf(state, "a"), undefined)
    })

    it("finds no room and evicts nobody, and takes the older copy with it", () => {
      const [settled, state] = settleInto(held, present("c", "x"), "if-room")
      assert.deepStrictEqual(settled, { _tag: "Dropped", why: "no-room", removed: [] })
      assert.strictEqual(CacheState.size(state), 2)
      const [grown, smaller] = settleInto(held, present("a", "v2", { weight: 7 }), "if-room")
      assert.deepStrictEqual(reported(grown.removed), ["replaced a"])
      assert.strictEqual(tagOf(smaller, "a"), undefined)
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
      assert.strictEqual(tagOf(holding(roomy, absent("a")), "a"), "Absent")
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
      assert.deepStrictEqual(reported(settled.removed), ["expired a", "expired b", "expired c", "expired d"])
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

  it("takes out the dead within its budget, those that died first, first", () => {
    const dead = ["c", "a", "b"].map((key) => absent(key, { deadAt: NOW + key.charCodeAt(0) * 1_000 }))
    const state = holding(roomy, ...dead, present("d", "v1"))
    const [removed, next] = CacheState.expire(state, 1e6, 2)
    assert.deepStrictEqual(reported(removed), ["expired a", "expired b"])
    const [rest, last] = CacheState.expire(next, 1e6, 2)
    assert.deepStrictEqual(reported(rest), ["expired c"])
    assert.strictEqual(tagOf(last, "d"), "v1")
    assert.strictEqual(last.counts.expired, 3)
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
