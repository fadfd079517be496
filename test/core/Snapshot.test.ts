import { assert, describe, it } from "@effect/vitest"
import * as CacheState from "../../src/core/CacheState.ts"
import type { Entry } from "../../src/core/Entry.ts"
import * as Snapshot from "../../src/core/Snapshot.ts"
import { absent, present } from "./entries.ts"

const NOW = 5_000

const hold = (state: CacheState.CacheState, entry: Entry): CacheState.CacheState => {
  const [begun, asked] = CacheState.beginRead(state, entry.key)
  return CacheState.settle(asked, begun.token, entry, 0)[1]
}

const entries = [
  present("a", "v1", { weight: 3 }),
  absent("b", { weight: 2, deadAt: NOW + 1 }),
  present("dead", "v1", { weight: 4, deadAt: NOW }),
]
const state = entries.reduce(hold, CacheState.make({ maxEntries: 3, maxBytes: 100 }))

const keys = (snapshot: Snapshot.Snapshot): ReadonlyArray<string> =>
  [...snapshot.entries].map(({ key }) => key).sort()

describe("Snapshot", () => {
  it("holds what was not dead when it was taken, and says when", () => {
    const snapshot = Snapshot.take(state, NOW)
    assert.deepStrictEqual(keys(snapshot), ["a", "b"])
    assert.deepInclude(snapshot, { takenAt: NOW, epoch: 0, size: 3, bytes: 9 })
  })

  it("stays as it is while entries are replaced, evicted, expired and invalidated", () => {
    const snapshot = Snapshot.take(state, NOW)
    const before = [...snapshot.entries]
    const [, expired] = CacheState.expire(state, 1e6, 10)
    const changed = [present("a", "v2"), present("c", "x"), present("d", "y"), present("e", "z")].reduce(
      hold,
      expired,
    )
    const [, flushed] = CacheState.invalidateAll(changed)
    assert.strictEqual(CacheState.size(flushed), 0)
    assert.deepStrictEqual([...snapshot.entries], before)
    assert.deepInclude(snapshot, { epoch: 0, size: 3, bytes: 9 })
  })

  it("can be walked any number of times, by two at once", () => {
    const snapshot = Snapshot.take(state, NOW)
    const [one, other] = [snapshot.entries[Symbol.iterator](), snapshot.entries[Symbol.iterator]()]
    assert.deepStrictEqual(one.next().value, other.next().value)
    assert.deepStrictEqual(keys(snapshot), keys(snapshot))
  })
})
