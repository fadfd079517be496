import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as KeyHash from "../../src/core/KeyHash.ts"
import * as Fill from "../../src/core/Fill.ts"
import { must, mustBe } from "./must.ts"
import { Tally } from "./Tally.ts"
import { makeRandom } from "./traces.ts"

/** `k4` and `k3` collide. */
const hashOf = (key: string): number => KeyHash.of(key === "k4" ? "k3" : key, 0)

const read = (self: Fill.Fills, key: string): readonly [Fill.Token, Fill.Fills] => {
  const [begun, next] = Fill.beginRead(self, key, hashOf(key))
  return [begun.token, next]
}

describe("Fill", () => {
  it("lets a later reader join the question in flight, and changes nothing for it", () => {
    const [started, asked] = Fill.beginRead(Fill.none, "a", hashOf("a"))
    const [joined, same] = Fill.beginRead(asked, "a", hashOf("a"))
    assert.strictEqual(started._tag, "Started")
    assert.deepStrictEqual(joined, { _tag: "Joined", token: started.token })
    assert.strictEqual(same, asked)
  })

  it("keeps the keys apart", () => {
    const [a, one] = read(Fill.none, "a")
    const [b, two] = read(one, "b")
    const left = Fill.withdraw(two, "a", hashOf("a"))
    assert.isFalse(Fill.stands(left, a))
    assert.isTrue(Fill.stands(left, b))
    assert.strictEqual(left.size, 1)
  })

  it("does not let a reader join a question that an invalidation has overtaken", () => {
    const [before, asked] = read(Fill.none, "a")
    const [begun, again] = Fill.beginRead(Fill.withdraw(asked, "a", hashOf("a")), "a", hashOf("a"))
    assert.strictEqual(begun._tag, "Started")
    assert.isFalse(Fill.stands(again, before))
    assert.isTrue(Fill.stands(again, begun.token))
  })

  it("does not let a reader join a write, and withdraws the write's permission", () => {
    const [write, sent] = Fill.beginWrite(Fill.none, "a", hashOf("a"))
    const [begun, next] = Fill.beginRead(sent, "a", hashOf("a"))
    assert.strictEqual(begun._tag, "Started")
    assert.isFalse(Fill.stands(next, write))
  })

  it("withdraws with a write whatever stood for the key, another write too", () => {
    const [question, asked] = read(Fill.none, "a")
    const [first, one] = Fill.beginWrite(asked, "a", hashOf("a"))
    const [second, two] = Fill.beginWrite(one, "a", hashOf("a"))
    assert.isFalse(Fill.stands(one, question))
    assert.isFalse(Fill.stands(two, first))
    assert.isTrue(Fill.stands(two, second))
  })

  it("gives the resync a token only where nobody reads or writes, and lets a reader replace it", () => {
    const [, asked] = read(Fill.none, "a")
    assert.deepStrictEqual(Fill.beginResync(asked, "a", hashOf("a")), [Option.none(), asked])
    const [, written] = Fill.beginWrite(Fill.none, "a", hashOf("a"))
    assert.deepStrictEqual(Fill.beginResync(written, "a", hashOf("a")), [Option.none(), written])
    const [resync, looking] = Fill.beginResync(Fill.none, "a", hashOf("a"))
    const [begun, next] = Fill.beginRead(looking, "a", hashOf("a"))
    assert.strictEqual(begun._tag, "Started")
    assert.isFalse(Fill.stands(next, Option.getOrThrow(resync)))
  })

  it("tells keys of one hash apart", () => {
    const [three, one] = read(Fill.none, "k3")
    assert.strictEqual(Fill.withdraw(one, "k4", hashOf("k4")), one)
    const [four, two] = read(one, "k4")
    assert.isTrue(Fill.stands(two, three))
    assert.isTrue(Fill.stands(two, four))
    assert.isFalse(Fill.stands(Fill.end(two, three), three))
    assert.isTrue(Fill.stands(Fill.end(two, three), four))
    assert.isTrue(Option.isSome(Fill.beginResync(one, "k4", hashOf("k4"))[0]))
  })

  it("ends the token that is named and no other of the same key", () => {
    const [old, asked] = read(Fill.none, "a")
    const [young, again] = read(Fill.withdraw(asked, "a", hashOf("a")), "a")
    assert.strictEqual(Fill.end(again, old), again)
    assert.isFalse(Fill.stands(Fill.end(again, young), young))
  })

  it("never gives a number twice, not even after everything was withdrawn", () => {
    const [old, asked] = read(Fill.none, "a")
    const [young, next] = read(Fill.withdrawAll(asked), "a")
    assert.notStrictEqual(young.id, old.id)
    assert.isFalse(Fill.stands(next, old))
  })

  it("is the same when there is nothing to withdraw", () => {
    const [, asked] = read(Fill.none, "a")
    assert.strictEqual(Fill.withdraw(asked, "b", hashOf("b")), asked)
    assert.strictEqual(Fill.withdrawAll(Fill.none), Fill.none)
  })

  it("agrees with a plain map of tokens in any order of events", () => {
    const random = makeRandom(53)
    const tally = new Tally()
    const standing = new Map<string, Fill.Token>()
    const given: Array<Fill.Token> = []
    let fills = Fill.none
    const take = (token: Fill.Token, purpose: Fill.Token["purpose"], key: string): void => {
      must(
        given.every((other) => other.id !== token.id),
        "a new number",
      )
      must(token.purpose === purpose && token.key === key, "a token says whose it is")
      standing.set(key, token)
      given.push(token)
    }
    for (let round = 0; round < 5_000; round++) {
      const key = `k${Math.floor(random() * 5)}`
      const asked = standing.get(key)
      const what = random()
      if (what < 0.35) {
        const [begun, next] = Fill.beginRead(fills, key, hashOf(key))
        fills = next
        mustBe(begun._tag, asked?.purpose === "read" ? "Joined" : "Started", `round ${round}`)
        if (begun._tag === "Joined") mustBe(begun.token, asked, `round ${round}`)
        else take(begun.token, "read", key)
        tally.add(begun._tag)
        if (standing.has("k3") && standing.has("k4")) tally.add("two of one hash")
      } else if (what < 0.45) {
        const [token, next] = Fill.beginWrite(fills, key, hashOf(key))
        fills = next
        take(token, "write", key)
      } else if (what < 0.55) {
        const [token, next] = Fill.beginResync(fills, key, hashOf(key))
        fills = next
        mustBe(Option.isNone(token), asked !== undefined, `round ${round}`)
        if (Option.isSome(token)) take(token.value, "resync", key)
      } else if (what < 0.8) {
        const token = given.at(-1 - Math.floor(random() * 12))
        if (token === undefined) continue
        tally.add(standing.get(token.key) === token ? "ended" : "ended too late")
        if (standing.get(token.key) === token) standing.delete(token.key)
        fills = Fill.end(fills, token)
      } else if (what < 0.99) {
        fills = Fill.withdraw(fills, key, hashOf(key))
        standing.delete(key)
      } else {
        fills = Fill.withdrawAll(fills)
        standing.clear()
      }
      mustBe(fills.size, standing.size, `tokens after round ${round}`)
      for (const token of Fill.tokens(fills))
        mustBe(token, standing.get(token.key), `token of ${token.key} after round ${round}`)
      for (const token of given.slice(-20)) {
        mustBe(
          Fill.stands(fills, token),
          standing.get(token.key) === token,
          `token ${token.id} after round ${round}`,
        )
      }
    }
    assert.isAbove(fills.size, 0)
    tally.expect({
      "two of one hash": 200,
      Started: 500,
      Joined: 200,
      ended: 200,
      "ended too late": 200,
    })
  })
})
