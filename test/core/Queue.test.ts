import { assert, describe, it } from "@effect/vitest"
import * as Queue from "../../src/core/Queue.ts"
import { checkQueue } from "./invariants.ts"
import { mustBe } from "./must.ts"
import { makeRandom } from "./traces.ts"
import { freeze } from "./versions.ts"

const MANY = 200_000

describe("Queue", () => {
  it("gives numbers back in the order in which they came, however many", () => {
    let queue: Queue.Queue = Queue.empty
    for (let number = 0; number < MANY; number++) queue = Queue.push(queue, number)
    mustBe(queue.size, MANY, "all are in it")
    checkQueue(queue)
    let next = 0
    for (const number of Queue.values(queue)) mustBe(number, next++, "in order")
    mustBe(next, MANY, "all are listed")
    for (let number = 0; number < MANY; number++) {
      mustBe(Queue.peek(queue), number, "the oldest")
      mustBe(queue.size, MANY - number, "how many are left")
      queue = Queue.drop(queue)
    }
    assert.strictEqual(queue, Queue.empty)
  })

  it("begins anew when it was emptied", () => {
    const emptied = Queue.drop(Queue.push<number>(Queue.empty, 1))
    assert.deepStrictEqual([...Queue.values(Queue.push(emptied, 2))], [2])
    assert.strictEqual(Queue.drop(Queue.empty), Queue.empty)
  })

  it("agrees with a plain array on random pushes and drops, from any version, and old versions stay", () => {
    const random = makeRandom(3)
    const versions: Array<{ readonly queue: Queue.Queue; readonly expected: ReadonlyArray<number> }> = [
      { queue: Queue.empty, expected: [] },
    ]
    let [deepest, branched] = [0, 0]
    for (let round = 0; round < 20_000; round++) {
      const back = random() < 0.01
      const from = back ? Math.floor(random() * versions.length) : versions.length - 1
      const { expected, queue } = versions[from] ?? { queue: Queue.empty, expected: [] }
      if (back) branched++
      // Long runs of the same, so that queues grow over many chunks and are emptied again.
      const grows = Math.floor(round / 700) % 2 === 0
      const pushes = expected.length === 0 || random() < (grows ? 0.8 : 0.2)
      const next = freeze(pushes ? Queue.push(queue, round) : Queue.drop(queue))
      const expects = pushes ? [...expected, round] : expected.slice(1)
      versions.push({ queue: next, expected: expects })
      checkQueue(next)
      mustBe(next.size, expects.length, "size")
      if (expects.length > 0) mustBe(Queue.peek(next), expects[0], "the oldest")
      deepest = Math.max(deepest, expects.length)
    }
    assert.isAbove(deepest, 300)
    assert.isAbove(branched, 100)
    for (const { expected, queue } of versions.filter((_, index) => index % 9 === 0))
      mustBe([...Queue.values(queue)].join(), expected.join(), "a version, after all others")
  })
})
