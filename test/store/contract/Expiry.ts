/** What is written for a time is there for that time. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Condition from "../../../src/core/Condition.ts"
import { after, keep, never, Store } from "../../../src/store/Store.ts"
import type { Declare, Subject } from "../StoreContract.ts"
import { utf8 } from "../samples.ts"

const VALUE = utf8("value")
const MINUTE = 60_000

const ttlOf = (key: string) =>
  Effect.gen(function* () {
    const store = yield* Store
    return Option.getOrThrow(yield* store.read(key)).ttlMillis
  })

/** A time that has only just begun to run. */
const assertAbout = (ttlMillis: number, expected: number) => {
  assert.isAtMost(ttlMillis, expected)
  assert.isAbove(ttlMillis, expected - 10_000)
}

export const check = <R>(it: Declare<R>, outlive: Subject<R>["outlive"]): void => {
  it("a value written for a time says how much of it remains, in the reply, in reads and in listings", () =>
    Effect.gen(function* () {
      const store = yield* Store
      assertAbout((yield* store.write("key", VALUE, { expiry: after(MINUTE) })).ttlMillis, MINUTE)
      assertAbout(yield* ttlOf("key"), MINUTE)
      const { keys } = yield* store.list({ prefix: "key", limit: 1, cursor: Option.none() })
      assertAbout(keys[0]?.ttlMillis ?? NaN, MINUTE)
    }))

  it("a value is forgotten when its time is over", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* store.write("key", VALUE, { expiry: after(500) })
      assert.isTrue(Option.isSome(yield* store.read("key")))
      yield* outlive("key", 500)
      assert.deepStrictEqual(yield* store.read("key"), Option.none())
      assert.deepStrictEqual((yield* store.list({ prefix: "", limit: 9, cursor: Option.none() })).keys, [])
      assert.isFalse(yield* store.remove("key"))
    }))

  it("a value whose time is over is absent to conditions, and the next write creates", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* store.write("key", VALUE, { expiry: after(40) })
      yield* outlive("key", 40)
      const failure = yield* Effect.flip(store.write("key", VALUE, { condition: Condition.ifPresent }))
      assert.strictEqual(failure._tag, "ConditionFailed")
      const written = yield* store.write("key", VALUE, { condition: Condition.ifAbsent, expiry: keep })
      assert.isTrue(written.created)
      assert.strictEqual(written.ttlMillis, Infinity)
    }))

  it("a write keeps the time that remains when told to", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* store.write("key", VALUE, { expiry: after(MINUTE) })
      assertAbout((yield* store.write("key", utf8("other"), { expiry: keep })).ttlMillis, MINUTE)
      assertAbout(yield* ttlOf("key"), MINUTE)
    }))

  it("a new key has no time to keep", () =>
    Effect.gen(function* () {
      const store = yield* Store
      assert.strictEqual((yield* store.write("key", VALUE, { expiry: keep })).ttlMillis, Infinity)
      assert.strictEqual(yield* ttlOf("key"), Infinity)
      assert.strictEqual((yield* store.write("key", VALUE, { expiry: keep })).ttlMillis, Infinity)
    }))

  for (const [name, options] of [
    ["a write that names no expiry", {}],
    ["a write for ever", { expiry: never }],
  ] as const) {
    it(`${name} ends the one there was`, () =>
      Effect.gen(function* () {
        const store = yield* Store
        yield* store.write("key", VALUE, { expiry: after(MINUTE) })
        assert.strictEqual((yield* store.write("key", VALUE, options)).ttlMillis, Infinity)
        assert.strictEqual(yield* ttlOf("key"), Infinity)
      }))
  }

  it("a write for a time replaces a longer and a shorter one", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* store.write("key", VALUE, { expiry: after(MINUTE) })
      yield* store.write("key", VALUE, { expiry: after(MINUTE / 2) })
      assertAbout(yield* ttlOf("key"), MINUTE / 2)
      yield* store.write("key", VALUE, { expiry: after(2 * MINUTE) })
      assertAbout(yield* ttlOf("key"), 2 * MINUTE)
    }))

  it("parts of a millisecond are rounded up, and centuries are no error", () =>
    Effect.gen(function* () {
      const store = yield* Store
      assert.strictEqual((yield* store.write("short", VALUE, { expiry: after(0.25) })).ttlMillis, 1)
      assert.strictEqual((yield* store.write("long", VALUE, { expiry: after(1e14) })).ttlMillis, 1e14)
      assertAbout(yield* ttlOf("long"), 1e14)
    }))

  it("many reads tell each value's time", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* store.write("timed", VALUE, { expiry: after(MINUTE) })
      yield* store.write("lasting", VALUE)
      const [timed, lasting] = yield* Effect.forEach(yield* store.readMany(["timed", "lasting"]), (result) =>
        Effect.map(Effect.fromResult(result), Option.getOrThrow),
      )
      assertAbout(timed?.ttlMillis ?? NaN, MINUTE)
      assert.strictEqual(lasting?.ttlMillis, Infinity)
    }))
}
