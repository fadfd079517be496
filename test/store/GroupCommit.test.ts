import { assert, describe, it } from "@effect/vitest"
import * as GroupCommit from "../../src/store/GroupCommit.ts"

/** Transactions that keep a log, and a `later` that waits to be told. */
const rig = (failing: (step: string) => boolean = () => false) => {
  const log: Array<string> = []
  const step = (name: string) => () => {
    log.push(name)
    if (failing(name)) throw new Error(`${name} failed`)
  }
  let scheduled: Array<() => void> = []
  const group = GroupCommit.make(
    { begin: step("begin"), commit: step("commit"), rollback: step("rollback") },
    (task) => scheduled.push(task),
  )
  const task = (name: string, bytes = 1): GroupCommit.Task => ({
    bytes,
    run: () => {
      step(name)()
      return () => void log.push(`${name} answered`)
    },
    fail: (error, during) => void log.push(`${name} failed during ${during}: ${String(error)}`),
  })
  return {
    group,
    log,
    task,
    submit: (...names: ReadonlyArray<string>) => names.every((name) => group.submit(task(name))),
    /** Ends a turn of the event loop. */
    turn: () => {
      const due = scheduled
      scheduled = []
      for (const run of due) run()
    },
  }
}

const count = (log: ReadonlyArray<string>, entry: string) => log.filter((logged) => logged === entry).length

describe("GroupCommit", () => {
  it("commits what one turn brought at once, and answers after the commit", () => {
    const { log, submit, turn } = rig()
    submit("a", "b")
    submit("c")
    assert.deepStrictEqual(log, [])
    turn()
    assert.deepStrictEqual(log, ["begin", "a", "b", "c", "commit", "a answered", "b answered", "c answered"])
    turn()
    submit("d")
    turn()
    assert.deepStrictEqual(log.slice(8), ["begin", "d", "commit", "d answered"])
  })

  it("undoes a transaction that a write broke, and tries each write alone", () => {
    const { log, submit, turn } = rig((step) => step === "b")
    submit("a", "b", "c")
    turn()
    const steps = [
      "begin, a, b, rollback",
      "begin, a, commit, a answered",
      "begin, b, rollback, b failed during statement: Error: b failed",
      "begin, c, commit, c answered",
    ]
    assert.strictEqual(log.join(", "), steps.join(", "))
  })

  it("fails all writes of a commit that failed, once each", () => {
    const { log, submit, turn } = rig((step) => step === "commit")
    submit("a", "b")
    turn()
    assert.deepStrictEqual(log, [
      "begin",
      "a",
      "b",
      "commit",
      "rollback",
      "a failed during commit: Error: commit failed",
      "b failed during commit: Error: commit failed",
    ])
  })

  it("fails all writes when no transaction can begin", () => {
    const { log, submit, turn } = rig((step) => step === "begin")
    submit("a", "b")
    turn()
    assert.strictEqual(
      log.filter((entry) => entry.endsWith("during statement: Error: begin failed")).length,
      2,
    )
  })

  it("bounds a commit by the number of its writes, and goes on in the next turn", () => {
    const { group, log, task, turn } = rig()
    for (let index = 0; index < 2500; index++) group.submit(task("w"))
    for (const committed of [1000, 2000, 2500]) {
      turn()
      assert.strictEqual(count(log, "w answered"), committed)
    }
    assert.strictEqual(count(log, "commit"), 3)
  })

  it("bounds a commit by its bytes, but holds one write of any size", () => {
    const { group, log, task, turn } = rig()
    const mebibyte = 1024 * 1024
    for (const megabytes of [5, 5, 100, 1]) group.submit(task("w", megabytes * mebibyte))
    for (const committed of [1, 2, 3, 4]) {
      turn()
      assert.strictEqual(count(log, "w answered"), committed)
    }
  })

  it("refuses a write when too many are waiting, and takes one again later", () => {
    const { group, log, task, turn } = rig()
    let taken = 0
    while (group.submit(task("w"))) taken++
    assert.isAtLeast(taken, 10_000)
    turn()
    assert.isTrue(group.submit(task("w")))
    for (let round = 0; round < 100; round++) turn()
    assert.strictEqual(count(log, "w answered"), taken + 1)
  })

  it("takes writes from those that are being answered into the next commit", () => {
    const { group, log, submit, task, turn } = rig()
    group.submit({
      bytes: 1,
      run: () => () => void submit("second"),
      fail: () => assert.fail("unexpected"),
    })
    group.submit(task("first"))
    turn()
    assert.deepStrictEqual(log, ["begin", "first", "commit", "first answered"])
    turn()
    assert.deepStrictEqual(log.slice(4), ["begin", "second", "commit", "second answered"])
  })

  it("commits what is waiting when it is closed, and takes no more", () => {
    const { group, log, submit, turn } = rig()
    submit("a")
    group.close()
    assert.deepStrictEqual(log, ["begin", "a", "commit", "a answered"])
    assert.isFalse(submit("b"))
    turn()
    group.close()
    assert.strictEqual(log.length, 4)
  })
})
