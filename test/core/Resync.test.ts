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

const expiring = (value: string, storeExpiresAt: number): Entry => ({
  ...present("a", value),
  storeExpiresAt,
})

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
    assert.strictEqual(reconcile(state, present("a", "v1")).finding, "changed")
    const lasting = hold(empty, present("a", "v1"))
    assert.strictEqual(reconcile(lasting, expiring("v1", 50_000)).finding, "changed")
    assert.strictEqual(reconcile(lasting, present("a", "v1")).finding, "unchanged")
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

  it("is contradicted where it trusts what it holds and nothing is known that would explain the answer", () => {
    const contradicted = (state: CacheState.CacheState, answer: Entry) => {
      const [token, looking] = look(state, "a")
      return Resync.contradicts(looking, token, answer, NOW)
    }
    const trusting = hold(empty, present("a", "v1"))
    assert.isTrue(contradicted(trusting, present("a", "v2")))
    assert.isTrue(contradicted(trusting, absent("a")))
    assert.isFalse(contradicted(trusting, present("a", "v1", { freshUntil: NOW + 1 })))
    assert.isFalse(contradicted(empty, present("a", "v2")))
    const suspecting = CacheState.trust(CacheState.lose(trusting), NOW, Infinity)
    assert.isFalse(contradicted(suspecting, present("a", "v2")))
    const [token, looking] = look(trusting, "a")
    const [, read] = CacheState.beginRead(looking, "a")
    assert.isFalse(Resync.contradicts(read, token, present("a", "v2"), NOW))
  })

  it("takes a confirmation for the bytes that it confirms, at the time and with the deadlines of its question", () => {
    const known = present("a", "v1", { confirmedAt: 5, freshUntil: NOW + 500 })
    const deadlines = { freshUntil: NOW + 60_000, deadAt: NOW + 70_000, storeExpiresAt: NOW + 80_000 }
    const { confirmedAt, ...same } = Resync.confirmed(known, NOW - 1, deadlines)
    assert.strictEqual(confirmedAt, NOW - 1)
    assert.deepStrictEqual({ ...same, confirmedAt: 5 }, { ...known, ...deadlines })
    assert.strictEqual(same.value, known.value)
  })

  it("trusts a suspect copy again that is confirmed, for as long as the confirmation says", () => {
    const known = present("a", "v1", { confirmedAt: NOW - 100, freshUntil: NOW + 500 })
    const suspect = CacheState.trust(CacheState.lose(hold(empty, known)), NOW - 50, Infinity)
    const deadlines = { freshUntil: NOW + 60_000, deadAt: NOW + 70_000, storeExpiresAt: Infinity }
    const answer = Resync.confirmed(known, NOW - 10, deadlines)
    const [token, looking] = look(suspect, "a")
    assert.isFalse(Resync.contradicts(looking, token, answer, NOW))
    const [finding, next] = Resync.reconcile(looking, token, answer, NOW, false)
    invariants.check(next)
    assert.strictEqual(finding, "unchanged")
    const held = CacheState.peek(next, "a", NOW)
    assert.deepStrictEqual(held, answer)
    assert.isTrue(held !== undefined && CacheState.isTrusted(next, held, NOW))
  })

  it("leaves a trusted copy that is confirmed as it is", () => {
    const known = present("a", "v1", { confirmedAt: NOW - 100, freshUntil: NOW + 500 })
    const deadlines = { freshUntil: NOW + 60_000, deadAt: NOW + 70_000, storeExpiresAt: Infinity }
    const found = reconcile(hold(empty, known), Resync.confirmed(known, NOW - 10, deadlines))
    assert.deepStrictEqual(found, { finding: "unchanged", held: known })
  })

  it("takes a confirmation with another expiry for a change that contradicts", () => {
    const known = present("a", "v1")
    const deadlines = { freshUntil: NOW + 600, deadAt: NOW + 600, storeExpiresAt: NOW + 600 }
    const answer = Resync.confirmed(known, NOW, deadlines)
    const state = hold(empty, known)
    const [token, looking] = look(state, "a")
    assert.isTrue(Resync.contradicts(looking, token, answer, NOW))
    assert.deepStrictEqual(reconcile(state, answer), { finding: "changed", held: answer })
  })

  it("brings back nothing by a confirmation that came too late", () => {
    const known = present("a", "v1", { deadAt: NOW })
    const deadlines = { freshUntil: NOW + 600, deadAt: NOW + 600, storeExpiresAt: Infinity }
    const answer = Resync.confirmed(known, NOW - 10, deadlines)
    assert.deepStrictEqual(reconcile(empty, answer), { finding: "overtaken", held: undefined })
    const [token, looking] = look(hold(empty, present("a", "v1")), "a")
    const [, overtaken] = CacheState.invalidate(looking, "a")
    assert.isFalse(Resync.contradicts(overtaken, token, answer, NOW))
    assert.deepStrictEqual(Resync.reconcile(overtaken, token, answer, NOW, false), ["overtaken", overtaken])
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
