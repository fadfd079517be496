import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as Queue from "../../src/core/Queue.ts"
import { checkQueue } from "./invariants.ts"
import { mustBe } from "./must.ts"
import { makeRandom } from "./traces.ts"

const of = (...keys: ReadonlyArray<string>): Queue.Queue => keys.reduce(Queue.push, Queue.empty)

/** All keys in the order in which they leave. */
const drain = (queue: Queue.Queue): ReadonlyArray<string> =>
  Option.match(Queue.pop(queue), { onNone: () => [], onSome: ([key, next]) => [key, ...drain(next)] })

describe("Queue", () => {
  it("gives keys back in the order in which they came", () => {
    assert.deepStrictEqual(drain(of("a", "b", "c")), ["a", "b", "c"])
  })

  it("may hold a key twice, at two places", () => {
    assert.deepStrictEqual(drain(Queue.remove(of("a", "b", "a"), 0)), ["b", "a"])
  })

  it("skips the places that were given up", () => {
    const queue = [0, 1, 3].reduce(Queue.remove, of("a", "b", "c", "d", "e"))
    assert.strictEqual(Queue.size(queue), 2)
    assert.deepStrictEqual(drain(queue), ["c", "e"])
  })

  it("is the same when a place that is not in use is given up", () => {
    const queue = Queue.remove(of("a", "b"), 0)
    assert.strictEqual(Queue.remove(queue, 0), queue)
    assert.strictEqual(Queue.remove(queue, 7), queue)
  })

  it("has nothing to give when all places were given up", () => {
    assert.isTrue(Option.isNone(Queue.pop(Queue.empty)))
    assert.isTrue(Option.isNone(Queue.pop([0, 1].reduce(Queue.remove, of("a", "b")))))
  })

  it("never gives a place out twice", () => {
    const [, popped] = Option.getOrThrow(Queue.pop(of("a")))
    assert.strictEqual(popped.tail, 1)
    assert.strictEqual(Queue.push(popped, "b").tail, 2)
  })

  it("agrees with a plain array on random pushes, pops and removals, and old versions stay as they were", () => {
    const random = makeRandom(3)
    let queue = Queue.empty
    let expected: ReadonlyArray<readonly [place: number, key: string]> = []
    for (let round = 0; round < 3_000; round++) {
      const [before, drained] = [queue, drain(queue)]
      mustBe(drained.join(), expected.map(([, key]) => key).join(), `round ${round}`)
      const what = random()
      if (what < 0.45 || expected.length === 0) {
        expected = [...expected, [queue.tail, `k${round}`]]
        queue = Queue.push(queue, `k${round}`)
      } else if (what < 0.65) {
        const [key, next] = Option.getOrThrow(Queue.pop(queue))
        mustBe(key, expected[0]?.[1], `round ${round}`)
        expected = expected.slice(1)
        queue = next
      } else {
        const given = expected[Math.floor(random() * expected.length)]?.[0] ?? 0
        expected = expected.filter(([place]) => place !== given)
        queue = Queue.remove(queue, given)
      }
      checkQueue(queue)
      mustBe(Queue.size(queue), expected.length, `round ${round}`)
      mustBe(drain(before).join(), drained.join(), `the version before round ${round}`)
    }
  })
})
