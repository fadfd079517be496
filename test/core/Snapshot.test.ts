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

describe("a page of a snapshot", () => {
  const names = Array.from({ length: 1_000 }, (_, index) => `k${index}`)
  const many = names
    .map((name) => present(name, "v1"))
    .reduce(hold, CacheState.make({ maxEntries: 1_000, maxBytes: 1_000_000 }))
  const everything = (entry: Entry): entry is Entry => entry.key !== ""
  const ending =
    (digit: string) =>
    (entry: Entry): entry is Entry =>
      entry.key.endsWith(digit)

  /** All pages, from the first to the last. */
  const pages = (
    snapshot: Snapshot.Snapshot,
    limit: number,
    maxSeen: number,
    wanted: (entry: Entry) => entry is Entry = everything,
  ): ReadonlyArray<ReadonlyArray<string>> => {
    const read: Array<ReadonlyArray<string>> = []
    let place: Snapshot.Place | undefined = Snapshot.start
    while (place !== undefined) {
      // A listing that does not come on would never end.
      assert.isTrue(read.length < 100_000)
      const page: Snapshot.Page<Entry> = Snapshot.page(snapshot, place, limit, maxSeen, wanted)
      read.push(page.entries.map(({ key }) => key))
      place = page.next
    }
    return read
  }

  it("comes after the page before: all pages have every entry once, however large they are", () => {
    const snapshot = Snapshot.take(many, NOW)
    for (const [limit, maxSeen] of [
      [1, Infinity],
      [7, Infinity],
      [999, Infinity],
      [1_000, Infinity],
      [Infinity, 1],
      [Infinity, 2],
      [3, 5],
      [50, 60],
    ] as const) {
      const read = pages(snapshot, limit, maxSeen)
      assert.deepStrictEqual(read.flat().toSorted(), names.toSorted(), `${limit} ${maxSeen}`)
      assert.isTrue(read.every((page) => page.length <= Math.min(limit, maxSeen)))
    }
    assert.strictEqual(pages(snapshot, 1_000, Infinity).length, 1)
    assert.strictEqual(pages(snapshot, 1, Infinity).length, 1_000)
  })

  it("has what is wanted and was not dead when the snapshot was taken", () => {
    const dying = hold(many, present("dying5", "v1", { deadAt: NOW }))
    const found = pages(Snapshot.take(dying, NOW), 10, Infinity, ending("5")).flat()
    assert.deepStrictEqual(found.toSorted(), names.filter((name) => name.endsWith("5")).toSorted())
    const earlier = pages(Snapshot.take(dying, NOW - 1), 10, Infinity, ending("5")).flat()
    assert.include(earlier, "dying5")
  })

  it("looks at no more entries than it may, and says where to go on", () => {
    const snapshot = Snapshot.take(many, NOW)
    for (const maxSeen of [1, 10, 400]) {
      let place: Snapshot.Place | undefined = Snapshot.start
      let pagesRead = 0
      while (place !== undefined) {
        let seen = 0
        const page: Snapshot.Page<Entry> = Snapshot.page(
          snapshot,
          place,
          10,
          maxSeen,
          (entry): entry is Entry => {
            seen++
            return entry.key === "none"
          },
        )
        assert.isTrue(seen <= maxSeen)
        place = page.next
        pagesRead++
      }
      assert.isTrue(pagesRead >= 1_000 / maxSeen, `${pagesRead}`)
    }
  })

  it("counts the buckets in which nobody is any more, too", () => {
    // What is remembered of those that were evicted stays behind.
    const full = Array.from({ length: 3_000 }, (_, index) =>
      present(`x${index}`, "v1", { deadAt: 1 }),
    ).reduce(hold, CacheState.make(many.bounds))
    const [, emptied] = CacheState.expire(full, NOW, 1_000)
    assert.strictEqual(CacheState.size(emptied), 0)
    const read = pages(Snapshot.take(emptied, NOW), 10, 10)
    assert.isTrue(read.length > 1 && read.every((page) => page.length === 0), `${read.length} pages`)
    assert.deepStrictEqual(pages(Snapshot.take(CacheState.make(many.bounds), NOW), 10, 10), [[]])
  })

  it("is the same whenever it is asked for", () => {
    const snapshot = Snapshot.take(many, NOW)
    const { next } = Snapshot.page(snapshot, Snapshot.start, 5, Infinity, everything)
    assert.isDefined(next)
    const read = () => Snapshot.page(snapshot, next ?? Snapshot.start, 10, Infinity, everything)
    const first = read()
    CacheState.invalidateAll(many)
    assert.deepStrictEqual(read(), first)
  })
})
