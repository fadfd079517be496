/** What changed between two versions of L1: exactly that, and found without looking at what did not. */
import { assert, describe, it } from "@effect/vitest"
import * as Bucket from "../../src/core/Bucket.ts"
import * as BucketTree from "../../src/core/BucketTree.ts"
import * as CacheState from "../../src/core/CacheState.ts"
import type { Entry, Key } from "../../src/core/Entry.ts"
import type { Bounds } from "../../src/core/Eviction.ts"
import * as Snapshot from "../../src/core/Snapshot.ts"
import { absent, present } from "./entries.ts"
import { must, mustBe } from "./must.ts"
import { Tally } from "./Tally.ts"
import { makeRandom } from "./traces.ts"

const settle = (state: CacheState.CacheState, entry: Entry, now: number) => {
  const [begun, asked] = CacheState.beginRead(state, entry.key)
  return CacheState.settle(asked, begun.token, entry, now)
}

const hold = (state: CacheState.CacheState, entry: Entry): CacheState.CacheState => settle(state, entry, 0)[1]

const differences = (before: CacheState.CacheState, after: CacheState.CacheState) =>
  Snapshot.differences(Snapshot.take(before, 0), Snapshot.take(after, 0))

describe("the differences of two snapshots", () => {
  const ENTRIES = 100_000
  const CHANGED = 10
  /** How many entries may share a bucket with one, and be looked at for it. */
  const NEIGHBOURS = 64

  it("are found by a look at a few entries of a hundred thousand", () => {
    let looks = 0
    const watched = ({ key, ...rest }: Entry): Entry => ({
      ...rest,
      get key() {
        looks++
        return key
      },
    })
    let before = CacheState.make({ maxEntries: ENTRIES, maxBytes: Infinity }, 42)
    for (let index = 0; index < ENTRIES; index++) before = hold(before, watched(present(`k${index}`, "v1")))
    const changed = Array.from({ length: CHANGED }, (_, index) => `k${index * 9_973}`)
    const after = changed.reduce((state, key) => hold(state, watched(present(key, "v2"))), before)

    looks = 0
    const found = [...differences(before, after)]
    // Once for `before`, and twice for `after`, which is looked up and taken out.
    assert.isTrue(looks <= 3 * CHANGED * NEIGHBOURS, `${looks} looks`)
    assert.isTrue(looks >= CHANGED)
    assert.deepStrictEqual(found.map(({ after: entry }) => entry?.key).toSorted(), changed.toSorted())

    looks = 0
    assert.deepStrictEqual([...differences(after, after)], [])
    assert.strictEqual(looks, 0)
  })

  it("are in the buckets that differ, and the tree yields no others", () => {
    const shape = BucketTree.shapeOf(14)
    const hashOf = (index: number) => Math.imul(index, 0x9e3779b1)
    const bucketOf = (index: number) => Bucket.withPlace(Bucket.empty, index, present(`k${index}`, "v"), -1)
    let before = shape.blank
    for (let index = 0; index < ENTRIES; index++)
      before = BucketTree.set(before, shape, hashOf(index), bucketOf(index))
    let after = before
    for (let index = 0; index < CHANGED; index++)
      after = BucketTree.set(after, shape, hashOf(index), bucketOf(ENTRIES + index))
    assert.strictEqual([...BucketTree.differences(before, after, shape)].length, CHANGED)
    assert.strictEqual([...BucketTree.differences(after, after, shape)].length, 0)
  })

  /** A version of L1, and what it holds by what its history reported. */
  interface Version {
    readonly state: CacheState.CacheState
    readonly held: ReadonlyMap<Key, Entry>
  }

  const KEYS = 300
  const STEPS = 400
  const MAX_TTL = 40_000

  /** Whatever may happen to L1, drawn from a seed. */
  const history = (seed: number, bounds: Bounds, tally: Tally): ReadonlyArray<Version> => {
    const random = makeRandom(seed)
    const below = (limit: number) => Math.floor(random() * limit)
    const held = new Map<Key, Entry>()
    const drop = (removed: ReadonlyArray<CacheState.Removal>): void => {
      for (const { cause, entry } of removed) {
        mustBe(held.get(entry.key), entry, "what is removed was held")
        held.delete(entry.key)
        tally.add(cause)
      }
    }
    let now = 0
    let state = CacheState.make(bounds, seed)
    const versions: Array<Version> = []
    for (let step = 0; step < STEPS; step++) {
      const key = `k${below(KEYS)}`
      const kind = below(100)
      now += below(200)
      if (kind < 60) {
        const facts = { weight: 1 + below(5), deadAt: now + 1 + below(MAX_TTL) }
        const entry = kind < 5 ? absent(key, facts) : present(key, `v${step}`, facts)
        const [settled, next] = settle(state, entry, now)
        drop(settled.removed)
        if (settled._tag === "Installed") held.set(key, entry)
        state = next
      } else if (kind < 75) state = CacheState.touch(state, key)
      else if (kind < 90) {
        const [removed, next] = CacheState.invalidate(state, key)
        drop(removed)
        state = next
      } else if (kind < 99 || random() < 0.7) {
        const [removed, next] = CacheState.expire(state, now, below(20))
        drop(removed)
        state = next
      } else {
        held.clear()
        state = CacheState.invalidateAll(state)[1]
      }
      versions.push({ state, held: new Map(held) })
    }
    return versions
  }

  /** By comparing everything. */
  const expected = (
    before: Version,
    after: Version,
  ): ReadonlyMap<Key, readonly [Entry | undefined, Entry | undefined]> => {
    const found = new Map<Key, readonly [Entry | undefined, Entry | undefined]>()
    for (const key of new Set([...before.held.keys(), ...after.held.keys()])) {
      const [old, young] = [before.held.get(key), after.held.get(key)]
      if (old !== young) found.set(key, [old, young])
    }
    return found
  }

  const check = (before: Version, after: Version, tally: Tally): void => {
    const left = new Map(expected(before, after))
    for (const { after: young, before: old } of differences(before.state, after.state)) {
      const key = (young ?? old)?.key ?? ""
      const wanted = left.get(key)
      mustBe(wanted?.[0], old, `${key} before`)
      mustBe(wanted?.[1], young, `${key} after`)
      must(left.delete(key), `${key} comes once`)
      tally.add(old === undefined ? "added" : young === undefined ? "removed" : "changed")
    }
    mustBe([...left.keys()].join(), "", "what was not found")
  }

  it("are what a comparison of everything finds, whatever happened between", () => {
    const tally = new Tally()
    for (let seed = 1; seed <= 30; seed++) {
      const bounds = { maxEntries: seed % 3 === 0 ? 30 : 200, maxBytes: seed % 3 === 1 ? 200 : 1e6 }
      const versions = history(seed, bounds, tally)
      const random = makeRandom(-seed)
      for (let pair = 0; pair < 100; pair++) {
        const [one, other] = [random(), random()].map((part) => versions[Math.floor(part * STEPS)])
        if (one !== undefined && other !== undefined) check(one, other, tally)
      }
    }
    tally.expect({
      added: 5_000,
      removed: 5_000,
      changed: 1_000,
      evicted: 300,
      expired: 300,
      invalidated: 100,
      replaced: 300,
    })
  })

  it("are found between two L1s, too", () => {
    const tally = new Tally()
    const bounds = { maxEntries: 100, maxBytes: 1e6 }
    const [one, other] = [history(1, bounds, tally), history(2, bounds, tally)]
    for (const step of [50, 200, 399]) {
      const [before, after] = [one[step], other[step]]
      if (before !== undefined && after !== undefined) check(before, after, tally)
    }
    tally.expect({ added: 30, changed: 5, removed: 30 })
  })
})
