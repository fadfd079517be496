/** Conditions are decided by the store, by the rule of `core/Condition.ts`, in one atomic step. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Condition from "../../../src/core/Condition.ts"
import * as EntityTag from "../../../src/store/EntityTag.ts"
import { after, ConditionFailed, Store } from "../../../src/store/Store.ts"
import type { Declare } from "../StoreContract.ts"
import { utf8 } from "../samples.ts"

const OLD = utf8("old")
const NEW = utf8("new")
const TAG = EntityTag.of(OLD)
const OTHER = EntityTag.of(NEW)

const SELECTORS: ReadonlyArray<readonly [name: string, selector: Condition.Selector | undefined]> = [
  ["-", undefined],
  ["*", "any"],
  ["no tag", []],
  ["its tag", [TAG]],
  ["another tag", [OTHER]],
  ["a list with its tag", [OTHER, "with, comma", TAG]],
  ["a list without", [OTHER, "not a hash", ""]],
]

const CONDITIONS = SELECTORS.flatMap(([matchName, ifMatch]) =>
  SELECTORS.map(([noneName, ifNoneMatch]) => ({
    name: `If-Match: ${matchName}; If-None-Match: ${noneName}`,
    condition: {
      ...(ifMatch === undefined ? {} : { ifMatch }),
      ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }),
    } satisfies Condition.Condition,
  })),
)

const failed = (current: string | undefined) =>
  Exit.fail(new ConditionFailed({ current: Option.fromUndefinedOr(current) }))

export const check = <R>(it: Declare<R>): void => {
  it("a write happens exactly when its condition holds, and changes nothing otherwise", () =>
    Effect.gen(function* () {
      const store = yield* Store
      for (const present of [true, false]) {
        for (const { condition, name } of CONDITIONS) {
          const key = `${present} ${name}`
          if (present) yield* store.write(key, OLD, { expiry: after(60_000) })
          const current = present ? TAG : undefined
          const exit = yield* Effect.exit(store.write(key, NEW, { condition }))
          const held = Condition.holds(condition, current)
          assert.deepStrictEqual(
            exit,
            held ? Exit.succeed({ created: !present, etag: OTHER, ttlMillis: Infinity }) : failed(current),
            key,
          )
          const left = Option.getOrUndefined(yield* store.read(key))
          assert.deepStrictEqual(left?.bytes, held ? NEW : present ? OLD : undefined, key)
          assert.strictEqual(left?.ttlMillis === Infinity, held, key)
        }
      }
    }))

  it("a removal happens exactly when its condition holds, and changes nothing otherwise", () =>
    Effect.gen(function* () {
      const store = yield* Store
      for (const present of [true, false]) {
        for (const { condition, name } of CONDITIONS) {
          const key = `${present} ${name}`
          if (present) yield* store.write(key, OLD)
          const current = present ? TAG : undefined
          const held = Condition.holds(condition, current)
          const exit = yield* Effect.exit(store.remove(key, { condition }))
          assert.deepStrictEqual(exit, held ? Exit.succeed(present) : failed(current), key)
          assert.strictEqual(Option.isSome(yield* store.read(key)), present && !held, key)
        }
      }
    }))

  it("the tag of an empty value is a tag", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* store.write("key", utf8(""))
      const condition = Condition.ifTag(EntityTag.of(utf8("")))
      assert.isFalse((yield* store.write("key", NEW, { condition })).created)
    }))

  it("of 50 that create a key at the same time one does", () =>
    Effect.gen(function* () {
      const store = yield* Store
      const writers = Array.from({ length: 50 }, (_, index) => utf8(`writer ${index}`))
      const winners = yield* Effect.filter(
        writers,
        (bytes) => Effect.isSuccess(store.write("key", bytes, { condition: Condition.ifAbsent })),
        { concurrency: "unbounded" },
      )
      assert.strictEqual(winners.length, 1)
      assert.deepStrictEqual(Option.getOrThrow(yield* store.read("key")).bytes, winners[0])
    }))

  it("a counter that is only raised by compare-and-set loses nothing", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* store.write("counter", utf8("0"))
      const raise: Effect.Effect<void, unknown> = Effect.gen(function* () {
        const { bytes } = Option.getOrThrow(yield* store.read("counter"))
        const next = utf8(`${Number(Buffer.from(bytes).toString()) + 1}`)
        yield* store.write("counter", next, { condition: Condition.ifTag(EntityTag.of(bytes)) })
      }).pipe(Effect.catchIf(isConflict, () => raise))
      yield* Effect.forEach(Array.from({ length: 8 }), () => Effect.repeat(raise, { times: 24 }), {
        concurrency: "unbounded",
      })
      assert.deepStrictEqual(Option.getOrThrow(yield* store.read("counter")).bytes, utf8("200"))
    }))

  it("of 20 that remove a value at the same time one does", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* store.write("key", OLD)
      const removed = yield* Effect.forEach(Array.from({ length: 20 }), () => store.remove("key"), {
        concurrency: "unbounded",
      })
      assert.strictEqual(removed.filter(Boolean).length, 1)
    }))
}

const isConflict = (error: unknown): error is ConditionFailed => error instanceof ConditionFailed
