import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as CacheState from "../../src/core/CacheState.ts"
import type { Entry } from "../../src/core/Entry.ts"
import type { Token } from "../../src/core/Fill.ts"
import * as Resync from "../../src/core/Resync.ts"
import { absent, present } from "./entries.ts"
import * as invariants from "./invariants.ts"

const NOW = 10_000
const empty = CacheState.make({ maxEntries: 2, maxBytes: 10 })

const hold = (state: CacheState.CacheState, entry: Entry): CacheState.CacheState => {
  const [begun, asked] = CacheState.beginRead(state, entry.key)
  return CacheState.settle(asked, begun.token, entry, NOW)[1]
}

const look = (state: CacheState.CacheState, key: string): readonly [Token, CacheState.CacheState] => {
  const [token, looking] = CacheState.beginResync(state, key)
  return [Option.getOrThrow(token), looking]
}

/** What is found when this state is held against that answer. */
const reconcile = (state: CacheState.CacheState, answer: Entry, adopting = false) => {
  const [token, looking] = look(state, answer.key)
  const [finding, next] = Resync.reconcile(looking, token, answer, NOW, adopting)
  invariants.check(next)
  assert.strictEqual(CacheState.filling(next), 0)
  return { finding, held: CacheState.peek(next, answer.key, NOW) }
}

const expiring = (etag: string, storeExpiresAt: number): Entry => ({ ...present("a", etag), storeExpiresAt })

describe("Resync", () => {
  it("leaves what is the same as it is, with its deadlines", () => {
    const held = present("a", "v1", { freshUntil: NOW + 500 })
    const found = reconcile(hold(empty, held), present("a", "v1", { freshUntil: NOW + 60_000 }))
    assert.deepStrictEqual(found, { finding: "unchanged", held })
    const nothing = absent("a")
    assert.deepStrictEqual(reconcile(hold(empty, nothing), absent("a")), {
      finding: "unchanged",
      held: nothing,
    })
  })

  it("repairs what differs", () => {
    const answer = present("a", "v2")
    assert.deepStrictEqual(reconcile(hold(empty, present("a", "v1")), answer), {
      finding: "changed",
      held: answer,
    })
    assert.deepStrictEqual(reconcile(hold(empty, absent("a")), answer), { finding: "added", held: answer })
  })

  it("takes another expiry for a change, but not the time that the question travelled", () => {
    const state = hold(empty, expiring("v1", 50_000))
    assert.strictEqual(reconcile(state, expiring("v1", 51_000)).finding, "unchanged")
    assert.strictEqual(reconcile(state, expiring("v1", 51_001)).finding, "changed")
    assert.strictEqual(reconcile(state, expiring("v1", 48_999)).finding, "changed")
    assert.strictEqual(reconcile(state, expiring("v1", Infinity)).finding, "changed")
    assert.strictEqual(
      reconcile(hold(empty, expiring("v1", Infinity)), expiring("v1", Infinity)).finding,
      "unchanged",
    )
  })

  it("removes what the store has no more", () => {
    assert.deepStrictEqual(reconcile(hold(empty, present("a", "v1")), absent("a")), {
      finding: "removed",
      held: undefined,
    })
  })

  it("adopts a value that L1 does not have only when asked to, and never an absence", () => {
    const answer = present("a", "v1")
    assert.deepStrictEqual(reconcile(empty, answer, true), { finding: "added", held: answer })
    assert.deepStrictEqual(reconcile(empty, answer, false), { finding: "overtaken", held: undefined })
    assert.deepStrictEqual(reconcile(empty, absent("a"), true), { finding: "overtaken", held: undefined })
  })

  it("evicts nobody for what it adopts", () => {
    const full = hold(hold(empty, present("b", "w")), present("c", "x"))
    assert.strictEqual(reconcile(full, present("a", "v1"), true).finding, "no-room")
    assert.strictEqual(reconcile(empty, present("a", "v1", { weight: 11 }), true).finding, "no-room")
  })

  it("does nothing when a write, a read or an invalidation has overtaken its question", () => {
    const [token, looking] = look(hold(empty, present("a", "v1")), "a")
    const overtakers = [
      CacheState.invalidate(looking, "a")[1],
      CacheState.invalidateAll(looking)[1],
      CacheState.beginRead(looking, "a")[1],
      CacheState.beginWrite(looking, "a")[1],
    ]
    for (const state of overtakers) {
      const overtaken = Resync.reconcile(state, token, present("a", "old"), NOW, true)
      assert.deepStrictEqual(overtaken, ["overtaken", state])
    }
  })
})
