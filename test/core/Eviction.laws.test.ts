/**
 * What holds whatever happens, on the real policy beside its plain reference. What was seen is counted, so that
 * no law is kept by nothing ever happening.
 */
import { assert, describe, it } from "@effect/vitest"
import * as BucketTree from "../../src/core/BucketTree.ts"
import * as Eviction from "../../src/core/Eviction.ts"
import { distinguishingSeed } from "./distinct.ts"
import { absent } from "./entries.ts"
import { apply, applyToPair, draw, type Happening, UNIT } from "./happenings.ts"
import { mustBe } from "./must.ts"
import { Pair } from "./Pair.ts"
import { bitsOf, levels } from "./places.ts"
import { entriesBound, filled, numbered } from "./residents.ts"
import { Tally } from "./Tally.ts"
import { makeRandom } from "./traces.ts"
import { contentOfPolicy, freeze } from "./versions.ts"

/** From one resident in one bucket to two levels of nodes; entries bind, bytes bind, both. */
const REGIMES: ReadonlyArray<Eviction.Bounds> = [
  ...[1, 3, 10, 24, 60, 600].map(entriesBound),
  { maxEntries: 10_000, maxBytes: 50 * UNIT },
  { maxEntries: 40, maxBytes: 90 * UNIT },
]

const keysFor = ({ maxBytes, maxEntries }: Eviction.Bounds): number =>
  3 * Math.min(maxEntries, Math.ceil(maxBytes / UNIT)) + 5

const seedFor = (bounds: Eviction.Bounds): number =>
  distinguishingSeed(
    new Set(numbered("k", keysFor(bounds))),
    bitsOf(Eviction.make(bounds, 0).residents.frame.shape),
  )

const LENGTH = 8_000
const CHECKED_EVERY = 41

describe("Eviction", () => {
  it("keeps its bounds, sums, turns and ghosts, and its reference's numbers, after everything that may happen", () => {
    const all = new Tally()
    for (const bounds of REGIMES) {
      const pair = new Pair(bounds, seedFor(bounds))
      draw(makeRandom(bounds.maxEntries), LENGTH, keysFor(bounds)).forEach((happening, index) => {
        applyToPair(pair, happening)
        if (index % CHECKED_EVERY === 0) pair.check()
      })
      pair.check()
      for (const [fact, times] of pair.tally) all.add(fact, times)
    }
    all.expect({
      hits: 10_000,
      "hit that counts": 5_000,
      "hit that changes nothing": 2_000,
      misses: 10_000,
      evicted: 5_000,
      refused: 0,
      expired: 1_000,
      "a ghost returned": 1_000,
      "a ghost forgotten": 300,
      "a challenge won": 300,
      "a challenge lost": 300,
      luck: 20,
      "luck won": 3,
      "luck lost": 3,
      "small grew": 100,
      "small shrank": 100,
      "moved where there was room": 300,
      "another round in main": 100,
      "left main unused": 20,
      "took its place again": 300,
      "a place given up in its turn": 300,
      "a place given up by tidying": 30,
      "tidied past a resident": 10,
    })
  })

  it("does on any version, however old, what it does from scratch", () => {
    const tally = new Tally()
    for (const bounds of REGIMES) {
      const random = makeRandom(7 + bounds.maxEntries)
      const start = freeze(Eviction.make(bounds, 1))
      const versions: Array<{ readonly state: Eviction.Eviction; readonly past: ReadonlyArray<Happening> }> =
        [{ state: start, past: [] }]
      for (const happening of draw(random, 600, keysFor(bounds))) {
        const back = random() < 0.1 ? Math.floor(random() * versions.length) : versions.length - 1
        if (back < versions.length - 1) tally.add("branched")
        const version = versions[back] ?? { state: start, past: [] }
        const state = freeze(apply(version.state, happening, bounds))
        versions.push({ state, past: [...version.past, happening] })
      }
      for (const { past, state } of versions.filter(() => random() < 0.1)) {
        const again = past.reduce(
          (before, happening) => apply(before, happening, bounds),
          Eviction.make(bounds, 1),
        )
        mustBe(contentOfPolicy(state), contentOfPolicy(again), `after ${past.length} happenings`)
        tally.add("replayed")
      }
    }
    tally.expect({ branched: 300, replayed: 300 })
  })

  it("changes one word and no entry for a use that counts, and nothing for one that does not", () => {
    const bounds = entriesBound(10_000)
    const keys = numbered("k", 8_000)
    const random = makeRandom(3)
    let state = freeze(filled(keys, 0, bounds))
    const { shape } = state.residents.frame
    assert.strictEqual(levels(shape), 2)
    const tally = new Tally()
    for (let round = 0; round < 6_000; round++) {
      const key = keys[Math.floor(random() * random() * keys.length)] ?? ""
      const next = Eviction.use(state, key)
      const [changed = 0, , rest] = changes(state.residents.root, next.residents.root, levels(shape))
      mustBe(rest, 0, "all beside the way is the same")
      mustBe(changed, next === state ? 0 : 1, "a use changes one word or returns the same value")
      mustBe(next.residents.small, state.residents.small, "a use moves nobody")
      mustBe(next.residents.main, state.residents.main, "a use moves nobody")
      tally.add(next === state ? "same" : "counted")
      state = freeze(next)
    }
    tally.expect({ same: 300, counted: 3_000 })
  })

  it("counts uses in any order, and is not changed by being looked at", () => {
    const bounds = entriesBound(50)
    const random = makeRandom(5)
    let state = freeze(filled(numbered("k", 50), 0, bounds))
    for (let round = 0; round < 300; round++) {
      const [one, other] = [`k${Math.floor(random() * 60)}`, `k${Math.floor(random() * 60)}`]
      const forth = Eviction.use(Eviction.use(state, one), other)
      const back = Eviction.use(Eviction.use(state, other), one)
      mustBe(contentOfPolicy(forth), contentOfPolicy(back), "uses commute")
      const before = contentOfPolicy(forth)
      mustBe(Eviction.get(forth, one), Eviction.get(state, one), "a use keeps the entry")
      mustBe(contentOfPolicy(forth), before, "a look changes nothing")
      state = freeze(forth)
    }
  })

  it("is the same for the same seed, and for another one holds the same but for who was evicted", () => {
    const bounds = entriesBound(60)
    const happenings = draw(makeRandom(9), 4_000, 200)
    const run = (seed: number) => {
      const evicted = new Set<string>()
      let state = Eviction.make(bounds, seed)
      for (const happening of happenings) {
        if (happening.does === "expire") continue
        if (happening.does === "put") {
          const inserted = Eviction.insert(state, absent(happening.key, happening), bounds)
          evicted.delete(happening.key)
          for (const gone of inserted.evicted) evicted.add(gone.key)
          if (!inserted.entered) evicted.add(happening.key)
          state = inserted.next
        } else {
          if (happening.does === "remove") evicted.delete(happening.key)
          state = apply(state, happening, bounds)
        }
      }
      return { evicted, state }
    }
    const [one, again, other] = [run(1), run(1), run(2)]
    assert.strictEqual(contentOfPolicy(one.state), contentOfPolicy(again.state))
    assert.notStrictEqual(contentOfPolicy(one.state), contentOfPolicy(other.state))
    for (const key of numbered("k", 200)) {
      const [here, there] = [Eviction.get(one.state, key), Eviction.get(other.state, key)]
      if (here !== undefined && there !== undefined) assert.deepStrictEqual(here, there)
      else if (here !== undefined) assert.isTrue(other.evicted.has(key), `${key} was evicted there`)
      else if (there !== undefined) assert.isTrue(one.evicted.has(key), `${key} was evicted here`)
    }
    assert.isAbove(one.evicted.size, 50)
  })
})

/** Words that differ, nodes on the way to them, and other things that differ. */
const changes = (before: BucketTree.Node, after: BucketTree.Node, depth: number): ReadonlyArray<number> => {
  if (before === after) return [0, 0, 0]
  if (before.length !== after.length) return [0, 0, 1]
  let [words, nodes, rest] = [0, 1, 0]
  before.forEach((item, at) => {
    const other = after[at]
    if (Object.is(item, other)) return
    if (depth > 0 && at > 0) {
      const [moreWords = 0, moreNodes = 0, more = 0] = changes(
        item as BucketTree.Node,
        other as BucketTree.Node,
        depth - 1,
      )
      words += moreWords
      nodes += moreNodes
      rest += more + (moreNodes === 0 ? 1 : 0)
    } else if (typeof item === "number" && typeof other === "number" && at > 0) words++
    else rest++
  })
  return [words, nodes, rest]
}
