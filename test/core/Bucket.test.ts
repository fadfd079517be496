import { assert, describe, it } from "@effect/vitest"
import * as Bucket from "../../src/core/Bucket.ts"
import type { Entry } from "../../src/core/Entry.ts"
import { absent } from "./entries.ts"
import { must, mustBe } from "./must.ts"
import { makeRandom } from "./traces.ts"
import { freeze } from "./versions.ts"

const FINGERPRINT = 0xfffff

interface Place {
  readonly hash: number
  readonly where: number
  readonly uses: number
  readonly entry: Entry | undefined
}

/** A bucket as a list of places and a list of ghosts. */
interface Model {
  readonly places: ReadonlyArray<Place>
  readonly ghosts: ReadonlyArray<{ readonly hash: number; readonly uses: number }>
}

const MOST_GHOSTS = 5

const listed = (bucket: Bucket.Bucket): Model => {
  const places: Array<Place> = []
  const ghosts: Array<{ hash: number; uses: number }> = []
  for (let at = 1; at < bucket.length;) {
    const word = Bucket.wordAt(bucket, at)
    const seen = { hash: word >>> 12, uses: Bucket.usesOf(word) }
    if ((word & 3) === Bucket.GHOST) {
      ghosts.push(seen)
      at += 1
    } else {
      places.push({ ...seen, where: Bucket.whereOf(word), entry: Bucket.entryAt(bucket, at) })
      at += 2
    }
  }
  return { places, ghosts }
}

const without = <A>(list: ReadonlyArray<A>, at: number): ReadonlyArray<A> =>
  list.filter((_, index) => index !== at)

describe("Bucket", () => {
  it("agrees with plain lists on all that may happen to it, and old versions stay", () => {
    const random = makeRandom(13)
    const upTo = (most: number): number => Math.floor(random() * most)
    let bucket: Bucket.Bucket = freeze(Bucket.empty)
    let model: Model = { places: [], ghosts: [] }
    const versions: Array<readonly [Bucket.Bucket, Model]> = []
    for (let round = 0; round < 20_000; round++) {
      const hash = (upTo(40) << 5) | (upTo(2) << 20)
      const { ghosts, places } = model
      const at = upTo(places.length)
      const place = places[at]
      const what = random()
      if (place === undefined || (what < 0.25 && places.length < 20)) {
        const entry = absent(`k${round}`, { deadAt: upTo(100) * 500 })
        const ghost = ghosts.findIndex((one) => one.hash === (hash & FINGERPRINT))
        bucket = Bucket.withPlace(
          bucket,
          Bucket.wordOf(hash, upTo(2), 2),
          entry,
          Bucket.findGhost(bucket, hash),
        )
        const where = Bucket.whereOf(Bucket.wordAt(bucket, 1 + 2 * places.length))
        const added = { hash: hash & FINGERPRINT, where, uses: 2, entry }
        model = { places: [...places, added], ghosts: ghost < 0 ? ghosts : without(ghosts, ghost) }
      } else if (what < 0.4) {
        const entry = random() < 0.5 ? undefined : absent(`k${round}`, { deadAt: upTo(100) * 500 })
        bucket = Bucket.withEntry(bucket, 1 + 2 * at, entry)
        model = { places: places.with(at, { ...place, entry }), ghosts }
      } else if (what < 0.6) {
        bucket = Bucket.withWord(bucket, 1 + 2 * at, Bucket.wordOf(place.hash, Bucket.MAIN, 3))
        model = { places: places.with(at, { ...place, where: Bucket.MAIN, uses: 3 }), ghosts }
      } else if (what < 0.75) {
        bucket = Bucket.withoutPlace(bucket, 1 + 2 * at)
        model = { places: without(places, at), ghosts }
      } else if (what < 0.95) {
        bucket = Bucket.withGhost(bucket, 1 + 2 * at, Bucket.wordOf(place.hash, Bucket.GHOST, 1), MOST_GHOSTS)
        const all = [...ghosts, { hash: place.hash, uses: 1 }]
        model = { places: without(places, at), ghosts: all.slice(-MOST_GHOSTS) }
      } else {
        const [tick, budget] = [upTo(50), upTo(4)]
        const [dead, next] = Bucket.withoutDead(bucket, tick, budget, places[0]?.entry?.key)
        const isDead = ({ entry }: Place, index: number): boolean =>
          index > 0 && entry !== undefined && entry.deadAt < tick * 1_000
        const gone = [...places.keys()]
          .filter((index) => isDead(places[index] ?? place, index))
          .slice(0, budget)
        mustBe(dead.join(), gone.map((index) => 1 + 2 * index).join(), "who is dead")
        bucket = next
        model = {
          places: places.map((one, index) => (gone.includes(index) ? { ...one, entry: undefined } : one)),
          ghosts,
        }
        const ticks = model.places.flatMap(({ entry }) =>
          entry === undefined ? [] : [Bucket.tickOf(entry.deadAt)],
        )
        mustBe(
          Bucket.dueOf(bucket),
          Math.min(Bucket.NEVER, ...ticks),
          "a sweep sets right when somebody dies",
        )
      }
      freeze(bucket)
      must(same(listed(bucket), model), `round ${round}`)
      checkFinding(bucket, model)
      if (round % 50 === 0) versions.push([bucket, model])
    }
    for (const [version, then] of versions) assert.deepStrictEqual(listed(version), then)
  })

  it("has uses up to 1,023, and the sign of a hash is no matter", () => {
    for (const hash of [0, 1, -1, 0x7fffffff, -0x80000000, 0xabcde])
      for (const uses of [0, 3, 1_023]) {
        const word = Bucket.wordOf(hash, Bucket.MAIN, uses)
        assert.strictEqual(word, word | 0)
        assert.deepStrictEqual([Bucket.usesOf(word), Bucket.whereOf(word)], [uses, Bucket.MAIN])
      }
  })

  it("dies in the second of its deadline, and what never dies has none", () => {
    assert.deepStrictEqual([0, 999, 1_000, 1_999.5].map(Bucket.tickOf), [0, 0, 1, 1])
    assert.deepStrictEqual([Infinity, 1e15].map(Bucket.tickOf), [Bucket.NEVER, Bucket.NEVER])
  })
})

const same = (one: Model, other: Model): boolean =>
  one.places.length === other.places.length &&
  one.ghosts.length === other.ghosts.length &&
  one.places.every((place, at) => {
    const { entry, hash, uses, where } = other.places[at] ?? place
    return place.entry === entry && place.hash === hash && place.uses === uses && place.where === where
  }) &&
  one.ghosts.every(({ hash, uses }, at) => hash === other.ghosts[at]?.hash && uses === other.ghosts[at]?.uses)

const checkFinding = (bucket: Bucket.Bucket, { ghosts, places }: Model): void => {
  const at = (index: number): number => (index < 0 ? -1 : 1 + 2 * index)
  const ghostsFrom = 1 + 2 * places.length
  mustBe(Bucket.places(bucket), places.length, "how many places")
  for (const { entry, hash, where } of places) {
    if (entry !== undefined) {
      const found = places.findIndex((place) => place.entry?.key === entry.key)
      mustBe(Bucket.find(bucket, hash, entry.key), at(found), "a resident")
      mustBe(Bucket.find(bucket, hash + 1, entry.key), -1, "a resident under another hash")
    }
    const left = places.findIndex((place) => place.hash === hash && place.entry === undefined)
    mustBe(Bucket.findLeft(bucket, hash), at(left), "a place that nobody has")
    const first = places.findIndex((place) => place.hash === hash && place.where === where)
    mustBe(Bucket.findPlace(bucket, hash, where), at(first), "a place in a queue")
  }
  for (const { hash } of ghosts) {
    const found = ghosts.findIndex((ghost) => ghost.hash === hash)
    mustBe(Bucket.findGhost(bucket, hash), ghostsFrom + found, "a ghost")
  }
  mustBe(Bucket.findGhost(bucket, 7), -1, "no ghost")
  const least = Math.min(
    ...places.map(({ entry }) => (entry === undefined ? Infinity : Bucket.tickOf(entry.deadAt))),
  )
  must(Bucket.dueOf(bucket) <= least, "nobody dies before that tick")
}
