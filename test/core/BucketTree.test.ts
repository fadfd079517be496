import { assert, describe, it } from "@effect/vitest"
import * as Bucket from "../../src/core/Bucket.ts"
import * as BucketTree from "../../src/core/BucketTree.ts"
import { absent } from "./entries.ts"
import { must, mustBe } from "./must.ts"
import { bucketOf, levels } from "./places.ts"
import { makeRandom } from "./traces.ts"
import { freeze } from "./versions.ts"

/** From one bucket to as many as there may be; with roots of 2 to 32 children. */
const BITS = [0, 1, 4, 5, 6, 10, 11, 16, 17, 24, 25]
const WRITES = 400

const anyHash = (random: () => number): number => Math.floor(random() * 2 ** 32) | 0

/** A bucket with one resident who dies in this second. */
const dyingAt = (second: number): Bucket.Bucket => {
  const entry = absent(`dies at ${second}`, { deadAt: second * 1_000 })
  return Bucket.withPlace(Bucket.empty, Bucket.wordOf(second, Bucket.SMALL, 0), entry, -1)
}

const seconds = (bucket: Bucket.Bucket): ReadonlyArray<number> =>
  [...Bucket.entries(bucket)].map(({ deadAt }) => deadAt / 1_000)

/** Trees that were written to at random, with what they hold. */
const grown = (bits: number, writes: number) => {
  const random = makeRandom(bits + 1)
  const shape = BucketTree.shapeOf(bits)
  const expected = new Map<number, Bucket.Bucket>()
  let root = freeze(shape.blank)
  const write = (): void => {
    const hash = anyHash(random)
    const bucket = dyingAt(Math.floor(random() * 1_000))
    root = freeze(BucketTree.set(root, shape, hash, bucket))
    expected.set(bucketOf(hash, shape), bucket)
    mustBe(BucketTree.get(root, shape, hash), bucket, "a bucket is where it was put")
  }
  for (let count = 0; count < writes; count++) write()
  return { expected, random, root: () => root, shape, write }
}

const inOrder = (expected: ReadonlyMap<number, Bucket.Bucket>) => [...expected].sort(([a], [b]) => a - b)

/** Nodes and buckets of a tree that are not in another. */
const ownNodes = (before: BucketTree.Node, after: BucketTree.Node, depth: number): number => {
  if (before === after) return 0
  if (depth === 0) return 1
  let own = 1
  for (let at = 1; at < after.length; at++)
    own += ownNodes(before[at] as BucketTree.Node, after[at] as BucketTree.Node, depth - 1)
  return own
}

describe("BucketTree", () => {
  for (const bits of BITS) {
    it(`agrees with a plain map in a tree of 2^${bits} buckets`, () => {
      const { expected, random, root, shape } = grown(bits, WRITES)
      assert.strictEqual(BucketTree.buckets(shape), 2 ** bits)
      assert.strictEqual(levels(shape), Math.ceil(bits / 5))
      if (bits > 0) assert.strictEqual(root().length - 1, 2 ** (bits % 5 === 0 ? 5 : bits % 5))
      for (let count = 0; count < WRITES; count++) {
        const hash = anyHash(random)
        const held = expected.get(bucketOf(hash, shape)) ?? Bucket.empty
        mustBe(BucketTree.get(root(), shape, hash), held, `bucket of ${hash}`)
      }
    })

    it(`is walked from any place in the order of the hash, 2^${bits} buckets`, () => {
      const { expected, random, root, shape } = grown(bits, WRITES)
      const all = inOrder(expected)
      const froms = [0, 1, 2 ** bits - 1, 2 ** bits, Math.floor(random() * 2 ** bits), all.at(-1)?.[0] ?? 0]
      for (const from of froms) {
        const walked = [...BucketTree.walk(root(), shape, from)]
        assert.deepStrictEqual(
          walked,
          all.filter(([index]) => index >= from),
          `from ${from}`,
        )
      }
    })

    it(`copies only what is on the way to a bucket, 2^${bits} buckets`, () => {
      const { root, shape, write } = grown(bits, WRITES)
      const before = root()
      write()
      assert.strictEqual(ownNodes(before, root(), levels(shape)), levels(shape) + 1)
      assert.isEmpty([...BucketTree.walk(shape.blank, shape)])
    })

    it(`finds the differences of two versions and looks at nothing else, 2^${bits} buckets`, () => {
      const { expected, root, shape, write } = grown(bits, WRITES)
      const [before, held] = [root(), new Map(expected)]
      for (let count = 0; count < 10; count++) write()
      const changed = inOrder(expected).filter(([index, bucket]) => held.get(index) !== bucket)
      const found = [...BucketTree.differences(before, root(), shape)]
      assert.deepStrictEqual(
        found,
        changed.map(([index, bucket]) => [held.get(index) ?? Bucket.empty, bucket] as const),
      )
      assert.isAtMost(found.length, 10)
      assert.isAtLeast(found.length, 1)
      assert.isEmpty([...BucketTree.differences(root(), root(), shape)])
    })

    it(`sweeps exactly the buckets that are due, 2^${bits} buckets`, () => {
      const { expected, root, shape } = grown(bits, WRITES)
      const due = inOrder(expected).filter(([, bucket]) => Bucket.dueOf(bucket) < 500)
      const visited: Array<Bucket.Bucket> = []
      const swept = BucketTree.sweep(root(), shape, 500, (bucket) => {
        visited.push(bucket)
        return Bucket.empty
      })
      assert.deepStrictEqual(
        visited,
        due.map(([, bucket]) => bucket),
      )
      assert.strictEqual(
        BucketTree.sweep(swept, shape, 500, () => assert.fail("nobody is due")),
        swept,
      )
      const rest = [...BucketTree.walk(swept, shape)].flatMap(([, bucket]) => seconds(bucket))
      must(
        rest.every((second) => second >= 500),
        "those who are not due stay",
      )
      assert.strictEqual(rest.length, expected.size - due.length)
    })
  }

  it("ends a sweep when told to, and goes on from there", () => {
    const { expected, root, shape } = grown(11, WRITES)
    const due = inOrder(expected).filter(([, bucket]) => Bucket.dueOf(bucket) < 500)
    let [tree, rounds, visits] = [root(), 0, 0]
    for (; ; rounds++) {
      let left = 3
      const next = BucketTree.sweep(tree, shape, 500, () => {
        must(left >= 0, "a sweep that was ended goes no further")
        if (left-- === 0) return undefined
        visits++
        return Bucket.empty
      })
      if (next === tree) break
      tree = freeze(next)
    }
    assert.strictEqual(visits, due.length)
    assert.strictEqual(rounds, Math.ceil(due.length / 3))
  })

  it("says of every node before when nobody below it dies, never too late", () => {
    const { expected, root, shape } = grown(6, WRITES)
    const least = Math.min(...[...expected.values()].map(Bucket.dueOf))
    assert.isAtMost(root()[0] as number, least)
    const swept = BucketTree.sweep(root(), shape, least + 1, () => Bucket.empty)
    assert.isAbove(swept[0] as number, least)
  })
})
